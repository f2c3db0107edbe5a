"""Repair: a trade date once more from the source, with everything that stands on it; planned first."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from app.errors import Fault, Invalid, OpenbellError, Unavailable
from app.manager.queries import Queries
from app.store import acceptance, definitions
from app.store.acceptance import RunRequest
from app.store.database import Database

JOB = "repair_job"
_HINT = 'For example {"trade_date": "2026-11-20", "symbols": ["600000.XSHG"]}, or openbell repair --date 2026-11-20.'
_LONGEST_SECONDS = 30


class Repairs:
    """What was published of a trade date, corrected by what the source says of it now."""

    database: Database
    queries: Queries | None

    def plan_repair(self, trade_date: date, symbols: Sequence[str] | None = None) -> dict[str, Any]:
        """What a repair would touch at most; nothing is done.

        Raises NotFound without the job, Invalid for a day that cannot be repaired or a symbol that is none, Unavailable.
        """
        with self.database.read() as connection:
            job = definitions.get(connection, "job", JOB)
            acceptance.check_trade_date(connection, job.document.get("calendar"), trade_date)
        held = self._held(trade_date, symbols)
        faults = [*_day_faults(trade_date, held), *_symbol_faults(held)]
        if faults:
            raise Invalid("The repair is not valid.", faults=faults, hint=_HINT)
        told = {name: held[name] for name in ("symbols", "instruments", "datasets")}
        return {"job": JOB, "trade_date": trade_date.isoformat(), **told}

    def repair_request(self, trade_date: date, symbols: Sequence[str] | None, note: str | None) -> RunRequest:
        """The run that repairs it. Raises as plan_repair."""
        plan = self.plan_repair(trade_date, symbols)
        return RunRequest({"symbols": plan["symbols"]}, trade_date, note=note)

    def _held(self, trade_date: date, symbols: Sequence[str] | None) -> dict[str, Any]:
        if self.queries is None:
            raise Unavailable("Nobody here can tell what stands on that day.", hint="Ask the service: openbell repair.")
        asked = {"trade_date": trade_date.isoformat(), "symbols": list(symbols) if symbols is not None else None}
        try:
            answer: dict[str, Any] = self.queries.ask("repair_plan", asked, timeout=_LONGEST_SECONDS)
        except OpenbellError as error:
            raise Unavailable(f"What stands on that day could not be told: {error.detail}", hint="Try again.") from error
        return answer


def _day_faults(day: date, held: dict[str, Any]) -> list[Fault]:
    first, last = held["history_from"], held["ready_through"]
    if last is None:
        return [Fault("/trade_date", "the lake has no bars yet: there is nothing to repair")]
    if first <= day.isoformat() <= last:
        return []
    return [Fault("/trade_date", f"{day} is not in the lake: its bars run from {first} to {last}; daily_sync_job brings others")]


def _symbol_faults(held: dict[str, Any]) -> list[Fault]:
    return [
        Fault(f"/symbols/{one['place']}", f"there is no instrument {one['symbol']!r}{one['near']}") for one in held["unknown"]
    ]
