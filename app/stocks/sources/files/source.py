"""Files of bars as a source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks.instruments import BOARDS, board_of, exchange_of
from app.stocks.sources.answers import Answer, Data, Empty, Unavailable
from app.stocks.sources.files import bars, valuations
from app.stocks.sources.files.convert import Columns
from app.stocks.sources.files.fault import BadFile
from app.stocks.sources.files.read import find, open_file
from app.stocks.sources.source import Health

NAME = "files"
Reply = TypeVar("Reply")
LONG_AGO = date(1900, 1, 1)


@dataclass(frozen=True)
class _Delivery:
    files: int
    bars: pa.Table
    fundamentals: pa.Table | None
    names: dict[str, str]


class Files:
    """The rows of one file, a folder or a glob; read once, when first asked."""

    name = NAME

    def __init__(self, path: str, sessions: Sequence[date]) -> None:
        self._path = path
        self._sessions = sessions

    def capabilities(self) -> frozenset[str]:
        """Instruments and bars, and fundamentals when a file has such columns."""
        offers = {"instruments", "daily_bars"}
        try:
            return frozenset(offers | ({"fundamentals"} if self._delivery.fundamentals is not None else set()))
        except (BadFile, OSError):
            return frozenset(offers)

    def health(self) -> Health | Unavailable:
        """Ready up to the newest day in the files."""

        def ask(delivery: _Delivery) -> Health:
            ends = pc.min_max(delivery.bars.column("trade_date"))
            detail = f"{delivery.bars.num_rows} rows in {delivery.files} file{'s' * (delivery.files > 1)} at {self._path}"
            return Health(ends["min"].as_py(), ends["max"].as_py(), detail, announced=False)

        return self._asked(ask)

    def instruments(self) -> Answer:
        """One row for each A-share; files tell neither its listing nor its delisting."""

        def ask(delivery: _Delivery) -> Answer:
            known = sorted(pc.unique(delivery.bars.column("order_book_id")).to_pylist())
            shares = [one for one in known if board_of(one) in BOARDS]
            return _answer(_instruments(shares, delivery.names))

        return self._asked(ask)

    def daily_bars(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """The files' rows of these instruments and days, rows that no check will pass included."""

        def ask(delivery: _Delivery) -> Answer:
            return _answer(_narrow(delivery.bars, ids, start, end))

        return self._asked(ask)

    def fundamentals(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """Valuations that stand beside the bars."""

        def ask(delivery: _Delivery) -> Answer:
            if delivery.fundamentals is None:
                return Unavailable("unsupported", f"{self._path} has no columns of fundamentals")
            return _answer(_narrow(delivery.fundamentals, ids, start, end))

        return self._asked(ask)

    def _asked(self, ask: Callable[[_Delivery], Reply]) -> Reply | Unavailable:
        try:
            return ask(self._delivery)
        except BadFile as fault:
            return Unavailable("bad_request", fault.detail, fault.hint)
        except PermissionError as error:
            return Unavailable("permission", f"{error.filename}: may not be read", "let the service's user read it")
        except OSError as error:
            return Unavailable("transient", str(error))

    @cached_property
    def _delivery(self) -> _Delivery:
        paths = find(self._path)
        rows, values = [], []
        names: dict[str, str] = {}
        for path in paths:
            columns = Columns(open_file(path))
            table = bars.convert(columns)
            rows.append(table)
            beside = valuations.convert(columns, table)
            if beside is not None:
                values.append(beside)
            if "name" in columns:
                names |= dict(zip(table.column("order_book_id").to_pylist(), columns.text("name").to_pylist(), strict=True))
        delivered = bars.settle(pa.concat_tables(rows), self._sessions)
        return _Delivery(len(paths), _sourced(delivered), _sourced(pa.concat_tables(values)) if values else None, names)


def _sourced(table: pa.Table) -> pa.Table:
    return table.append_column("source", pa.repeat(NAME, table.num_rows))


def _narrow(table: pa.Table, ids: Sequence[str] | None, start: date, end: date) -> pa.Table:
    day = table.column("trade_date")
    table = table.filter(pc.and_(pc.greater_equal(day, start), pc.less_equal(day, end)))
    return table if ids is None else table.filter(pc.is_in(table.column("order_book_id"), pa.array(ids, pa.string())))


def _answer(table: pa.Table) -> Answer:
    return Data(table) if table.num_rows else Empty()


def _instruments(ids: list[str], names: dict[str, str]) -> pa.Table:
    boards = [board_of(one) for one in ids]
    return pa.table(
        {
            "order_book_id": pa.array(ids, pa.string()),
            "valid_from": pa.array([LONG_AGO] * len(ids), pa.date32()),
            "valid_to": pa.nulls(len(ids), pa.date32()),
            "name": pa.array([names.get(one) for one in ids], pa.string()),
            "board": pa.array(boards, pa.string()),
            "exchange": pa.array([exchange_of(one) for one in ids], pa.string()),
            "listed_date": pa.nulls(len(ids), pa.date32()),
            "delisted_date": pa.nulls(len(ids), pa.date32()),
            "round_lot": pa.array(np.where(np.array(boards) == "star", 200, 100), pa.int64()),
            "source": pa.repeat(NAME, len(ids)),
        }
    )
