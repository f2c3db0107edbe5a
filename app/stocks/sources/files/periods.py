"""The instruments of a delivery, with the periods in which their names and special treatment held."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks import bar_keys, dictionary
from app.stocks.arrays import Ints
from app.stocks.instruments import board_of, exchange_of

LONG_AGO = date(1900, 1, 1)
_STATIC = ("listed_date", "delisted_date", "industry", "round_lot")
_CHANGING = ("name", "is_st")
Facts = dict[str, Any]


def of_bars(bars: pa.Table) -> pa.Table:
    """Where periods begin: the rows on which an instrument's name or special treatment is not that of its row before.

    `bars` have the columns name and is_st; where a row is silent, what was said last holds, or else what is said next.
    """
    bars = bar_keys.in_order(bars.select(["order_book_id", "trade_date", *_CHANGING]))
    code = bars.column("order_book_id").combine_chunks().dictionary_encode().indices.to_numpy()
    begins = np.concatenate([[True], code[1:] != code[:-1]])[: len(code)]
    for name in _CHANGING:
        encoded = bars.column(name).combine_chunks().dictionary_encode()
        said = _carried(code, np.asarray(encoded.indices.fill_null(-1)))
        begins[1:] |= said[1:] != said[:-1]
        values = encoded.dictionary.take(pa.array(said, pa.int32(), mask=said < 0))
        bars = bars.set_column(bars.column_names.index(name), name, values)
    return bars.filter(pa.array(begins))


def _carried(code: Ints, said: Ints) -> Ints:
    """Each row's word, or that of the nearest row of its instrument before it, or behind it; -1 for none."""
    rows, known = np.arange(len(code)), said >= 0
    before = np.maximum.accumulate(np.where(known, rows, 0))
    behind = np.minimum.accumulate(np.where(known, rows, len(rows) - 1)[::-1])[::-1]
    own = [np.where(code[at] == code, said[at], -1) for at in (before, behind)]
    return np.where(own[0] >= 0, own[0], own[1])


def instruments(ids: list[str], bars: pa.Table, told: list[pa.Table], source: str) -> pa.Table:
    """The rows of the dataset for those ids: `bars` are beginnings as in `of_bars`, `told` is what files of instruments say.

    Periods that files of instruments tell go before those that bars show; of facts that never change the last word counts.
    """
    wanted = set(ids)
    static: dict[str, Facts] = {one: {} for one in ids}
    given: dict[str, dict[date, Facts]] = {}
    named: dict[str, Facts] = {}
    rows = [row for table in told for row in table.to_pylist() if row["order_book_id"] in wanted]
    for row in sorted(rows, key=lambda row: row["valid_from"] or LONG_AGO):
        one, said = row["order_book_id"], {name: row[name] for name in _CHANGING}
        static[one] |= {name: row[name] for name in _STATIC if row[name] is not None}
        if row["valid_from"] is None:
            named[one] = said
        else:
            given.setdefault(one, {})[row["valid_from"]] = said
    seen: dict[str, dict[date, Facts]] = {}
    for row in bars.filter(pc.is_in(bars.column("order_book_id"), pa.array(ids, pa.string()))).to_pylist():
        own = seen.setdefault(row["order_book_id"], {})
        # What held on the first known row held before it, as far as anyone can tell.
        own[row["trade_date"] if own else LONG_AGO] = {name: row[name] for name in _CHANGING}
    made = []
    for one in ids:
        # A name without a date fills in where bars are silent.
        shown = {begin: {**named.get(one, {}), **_spoken(said)} for begin, said in seen.get(one, {}).items()}
        made += _rows(one, given.get(one) or shown or {LONG_AGO: named.get(one, {})}, static[one], source)
    return pa.Table.from_pylist(made, schema=dictionary.get("instruments").arrow)


def _spoken(said: Facts) -> Facts:
    return {name: value for name, value in said.items() if value is not None}


def _rows(one: str, periods: dict[date, Facts], static: Facts, source: str) -> list[Facts]:
    board = board_of(one)
    facts = {"order_book_id": one, "board": board, "exchange": exchange_of(one), "round_lot": 200 if board == "star" else 100}
    begins = sorted(periods)
    ends = [*(begin - timedelta(days=1) for begin in begins[1:]), None]
    return [
        {**facts, **static, **periods[begin], "valid_from": begin, "valid_to": end, "source": source}
        for begin, end in zip(begins, ends, strict=True)
    ]
