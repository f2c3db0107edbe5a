"""What people change by hand: single values put right, taken back, rows let in. Each is a run of one shipped job."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from app.errors import Fault, Invalid, NotFound, OpenbellError, Unavailable
from app.manager.queries import Queries
from app.store import acceptance, definitions
from app.store.acceptance import RunRequest
from app.store.database import Database

JOB = "correction_job"
_HINT = (
    'For example {"order_book_id": "600000.XSHG", "trade_date": "2026-11-20", "values": {"close": 10.25}, "reason": "..."}, '
    'or openbell correct 600000.XSHG 2026-11-20 close 10.25 --reason "...".'
)
_LONGEST_SECONDS = 30


class Corrections:
    """Values over what the source says."""

    database: Database
    queries: Queries | None

    def plan_correction(self, dataset: str, symbol: str, trade_date: date, values: Mapping[str, Any]) -> dict[str, Any]:
        """What a correction would change, each column before and after; nothing is done.

        Raises Invalid with every fault, NotFound without the job, Unavailable when nobody can tell.
        """
        with self.database.read() as connection:
            job = definitions.get(connection, "job", JOB)
            acceptance.check_trade_date(connection, job.document.get("calendar"), trade_date)
        row = {"dataset": dataset, "order_book_id": symbol, "trade_date": trade_date.isoformat()}
        found = self.ask_lake("correction_plan", {**row, "values": dict(values)})
        if found["faults"]:
            faults = [Fault(one["pointer"], one["message"]) for one in found["faults"]]
            raise Invalid("The correction is not valid.", faults=faults, hint=_HINT)
        return {"job": JOB, **row, "order_book_id": found["order_book_id"], "before": found["before"], "after": found["after"]}

    def correction_request(
        self, dataset: str, symbol: str, trade_date: date, values: Mapping[str, Any], *, reason: str, who: str
    ) -> RunRequest:
        """The run that puts them right. Raises as plan_correction."""
        plan = self.plan_correction(dataset, symbol, trade_date, values)
        row = {name: plan[name] for name in ("dataset", "order_book_id", "trade_date")}
        return change_request({"kind": "correct", **row, "values": dict(values), "reason": reason, "who": who}, trade_date)

    def withdrawal_request(
        self, dataset: str, symbol: str, trade_date: date, columns: Sequence[str] | None, *, reason: str, who: str
    ) -> RunRequest:
        """The run that takes corrections of a row back. Raises NotFound where there is none, Invalid, Unavailable."""
        standing = [one for one in self.list_corrections(dataset, symbol) if one["trade_date"] == trade_date.isoformat()]
        known = [one["column"] for one in standing]
        if lacking := [name for name in columns or () if name not in known] or ([] if known else ["any column"]):
            there = f"; those of that row are of {', '.join(known)}" if known else ""
            raise NotFound(
                f"There is no correction of {lacking[0]} of {symbol} on {trade_date}{there}.", hint="openbell corrections"
            )
        row = {"dataset": dataset, "order_book_id": standing[0]["order_book_id"], "trade_date": trade_date.isoformat()}
        names = list(columns) if columns is not None else None
        return change_request({"kind": "withdraw", **row, "columns": names, "reason": reason, "who": who}, trade_date)

    def list_corrections(self, dataset: str, symbol: str | None = None) -> list[dict[str, Any]]:
        """The corrections that stand, by instrument, day and column. Raises Invalid for a dataset that takes none."""
        found = self.ask_lake("corrections_of", {"dataset": dataset, "symbol": symbol})
        if found["fault"]:
            raise Invalid("There are no such corrections.", faults=[Fault("/path/name", found["fault"])])
        items: list[dict[str, Any]] = found["items"]
        return items

    def ask_lake(self, query: str, params: dict[str, Any]) -> Any:
        """What a query of the lake answers. Raises Unavailable where there is none, and when it has no answer."""
        if self.queries is None:
            raise Unavailable("Nobody here can look into the lake.", hint="Ask the service.")
        try:
            return self.queries.ask(query, params, timeout=_LONGEST_SECONDS)
        except OpenbellError as error:
            raise Unavailable(f"The lake did not answer: {error.detail}", hint="Try again.") from error


def change_request(change: dict[str, Any], trade_date: date) -> RunRequest:
    """The run that makes a change by hand."""
    return RunRequest({"change": change}, trade_date, note=f"{change['reason']} ({change['who']})")
