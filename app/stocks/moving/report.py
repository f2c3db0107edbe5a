"""What is known of brought rows before they are taken in: rows that no check will pass, gaps, and what the lake has of them."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.errors import OpenbellError
from app.stocks import bar_keys, calendar, dictionary, gaps
from app.stocks.quality.screen import screen

_COMPARED = ("open", "high", "low", "close", "volume", "total_turnover", "is_suspended")


def report(rows: pa.Table, held: pa.Table, sessions: Sequence[date]) -> dict[str, Any]:
    """Of settled rows of daily_bars, and the lake's rows of the same instruments and days, as JSON."""
    days = pc.min_max(rows.column("trade_date"))
    found: dict[str, Any] = {
        "rows": rows.num_rows,
        "instruments": pc.count_distinct(rows.column("order_book_id")).as_py(),
        "start_date": days["min"].as_py().isoformat(),
        "end_date": days["max"].as_py().isoformat(),
    }
    try:
        screened = screen(rows, sessions)
    except OpenbellError as refusal:
        return {**found, "refused": refusal.detail}
    kept_out = Counter({one["check"]: 0 for one in screened.kept_out.to_pylist()})
    for one in screened.kept_out.to_pylist():
        kept_out[one["check"]] += one["occurrences"]
    examples = [f"{one['check']}: {one['reason']}: {one['row'][:200]}" for one in screened.kept_out.slice(0, 5).to_pylist()]
    return {
        **found,
        "kept_out": dict(kept_out),
        "examples": examples,
        "coverage": _coverage(screened.rows, sessions),
        "lake": _compared(screened.rows, held),
    }


def _coverage(rows: pa.Table, sessions: Sequence[date]) -> dict[str, Any]:
    """Sessions between each instrument's first and last row: how many have one, how many are rests, how many are missing."""
    if not rows.num_rows:
        return {"expected": 0, "suspended": 0, "missing": 0}
    ids = sorted(pc.unique(rows.column("order_book_id")).to_pylist())
    unknown = np.zeros(len(ids), dtype=np.int64)
    roll = gaps.Roll(ids, unknown, np.full(len(ids), np.iinfo(np.int64).max), np.zeros(len(ids), dtype=bool))
    days = pc.min_max(rows.column("trade_date"))
    grid = gaps.grid(roll, rows, calendar.between(sessions, days["min"].as_py(), days["max"].as_py()))
    canonical = dictionary.get("daily_bars").arrow
    known = pa.table(
        {f.name: rows.column(f.name) if f.name in rows.column_names else pa.nulls(len(rows), f.type) for f in canonical}
    )
    rested = gaps.suspensions(bar_keys.in_order(known), grid.cells(grid.missing), sessions)
    missing = int(np.count_nonzero(grid.missing))
    return {"expected": int(np.count_nonzero(grid.expected)), "suspended": rested.num_rows, "missing": missing - rested.num_rows}


def _compared(rows: pa.Table, held: pa.Table) -> dict[str, int]:
    """How many rows the lake lacks, has alike, and has otherwise."""
    both = rows.filter(bar_keys.among(rows, held))
    own = bar_keys.in_order(both)
    theirs = bar_keys.in_order(held.filter(bar_keys.among(held, both)))
    alike = np.ones(own.num_rows, dtype=bool)
    for name in _COMPARED:
        one, other = own.column(name), theirs.column(name)
        same = pc.or_(pc.fill_null(pc.equal(one, other), False), pc.and_(pc.is_null(one), pc.is_null(other)))
        alike &= same.to_numpy()
    same = int(np.count_nonzero(alike))
    return {"new": rows.num_rows - own.num_rows, "same": same, "different": own.num_rows - same}
