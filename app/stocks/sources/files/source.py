"""Files of bars as a source."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from app.stocks.sources.answers import Answer, Data, Empty, Unavailable
from app.stocks.sources.files.delivery import Delivery, deliver
from app.stocks.sources.files.fault import BadFile
from app.stocks.sources.files.read import find
from app.stocks.sources.source import Health

NAME = "files"
Reply = TypeVar("Reply")


class Files:
    """The rows of one file, a folder or a glob; read once, when first asked."""

    name = NAME

    def __init__(self, path: str, sessions: Sequence[date]) -> None:
        self._path = path
        self._sessions = sessions

    @property
    def edition(self) -> str:
        """A hash of the files' names, sizes and times."""
        try:
            facts = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in find(self._path)]
        except (BadFile, OSError):
            return ""
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def capabilities(self) -> frozenset[str]:
        """Instruments and bars, and whatever else the files hold."""
        offers = {"instruments", "daily_bars"}
        try:
            return frozenset(offers | set(self._delivery.others))
        except (BadFile, OSError):
            return frozenset(offers)

    def health(self) -> Health | Unavailable:
        """Ready up to the newest day in the files."""

        def ask(delivery: Delivery) -> Health:
            ends = pc.min_max(delivery.bars.column("trade_date"))
            detail = f"{delivery.bars.num_rows} rows in {delivery.files} file{'s' * (delivery.files > 1)} at {self._path}"
            return Health(ends["min"].as_py(), ends["max"].as_py(), detail, announced=False)

        return self._asked(ask)

    def instruments(self) -> Answer:
        """Each A-share that has bars, with its periods; its listing and delisting only where a file of instruments tells them."""
        return self._asked(lambda delivery: _answer(delivery.instruments))

    def code_changes(self) -> Answer:
        """Codes that changed, of a file of such."""
        return self._asked(lambda delivery: self._other(delivery, "code_changes"))

    def corporate_actions(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """Dividends and splits, of a file of such."""
        return self._asked(lambda delivery: self._other(delivery, "corporate_actions", ids, start, end, "ex_date"))

    def intraday_bars(self, ids: Sequence[str] | None, start: date, end: date, frequency: str) -> Answer:
        """The files' bars of that frequency, rows that no check will pass included."""

        def ask(delivery: Delivery) -> Answer:
            answer = self._other(delivery, "intraday_bars", ids, start, end)
            if not isinstance(answer, Data):
                return answer
            return _answer(answer.table.filter(pc.equal(answer.table.column("frequency"), frequency)))

        return self._asked(ask)

    def daily_bars(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """The files' rows of these instruments and days, rows that no check will pass included."""

        def ask(delivery: Delivery) -> Answer:
            return _answer(_narrow(delivery.bars, ids, start, end))

        return self._asked(ask)

    def fundamentals(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """Valuations that stand beside the bars."""

        return self._asked(lambda delivery: self._other(delivery, "fundamentals", ids, start, end))

    def _other(
        self,
        delivery: Delivery,
        dataset: str,
        ids: Sequence[str] | None = None,
        start: date = date.min,
        end: date = date.max,
        day: str = "trade_date",
    ) -> Answer:
        table = delivery.others.get(dataset)
        if table is None:
            return Unavailable("unsupported", f"{self._path} has no columns of {dataset}", "docs/file-source.md names them")
        return _answer(_narrow(table, ids, start, end, day) if day in table.column_names else table)

    def _asked(self, ask: Callable[[Delivery], Reply]) -> Reply | Unavailable:
        try:
            return ask(self._delivery)
        except BadFile as fault:
            return Unavailable("bad_request", fault.detail, fault.hint)
        except PermissionError as error:
            return Unavailable("permission", f"{error.filename}: may not be read", "let the service's user read it")
        except OSError as error:
            return Unavailable("transient", str(error))

    @cached_property
    def _delivery(self) -> Delivery:
        return deliver(self._path, self._sessions, NAME)


def _narrow(table: pa.Table, ids: Sequence[str] | None, start: date, end: date, column: str = "trade_date") -> pa.Table:
    day = table.column(column)
    table = table.filter(pc.and_(pc.greater_equal(day, start), pc.less_equal(day, end)))
    return table if ids is None else table.filter(pc.is_in(table.column("order_book_id"), pa.array(ids, pa.string())))


def _answer(table: pa.Table) -> Answer:
    return Data(table) if table.num_rows else Empty()
