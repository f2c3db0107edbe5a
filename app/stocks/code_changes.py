"""Codes that an exchange changed: the old id and the current one are one instrument, whose rows stand under the current id.

`code_changes.csv` holds those of Beijing's 248 shares of 2025 (https://www.bse.cn/service/code_mapping.html; most, not all, keep
their last three digits; a few pilots moved some months earlier) and two of Shenzhen. A source may tell of more.
"""

import csv
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import pyarrow as pa

_FILE = Path(__file__).with_suffix(".csv")
NAME = "exchange"
"""What the column `source` says of a change that is known without any source."""


@cache
def _known() -> tuple[tuple[str, str, date], ...]:
    with _FILE.open(encoding="utf-8", newline="") as file:
        found = csv.DictReader(file)
        return tuple((row["old_id"], row["order_book_id"], date.fromisoformat(row["from_date"])) for row in found)


@cache
def shipped() -> Mapping[str, str]:
    """Old id to current one, of the changes that are known without any source."""
    return {old: current for old, current, _ in _known()}


def rows() -> pa.Table:
    """Those changes as rows of the dataset code_changes."""
    old, current, since = zip(*_known(), strict=True)
    return pa.table(
        {
            "old_id": pa.array(old, pa.string()),
            "order_book_id": pa.array(current, pa.string()),
            "from_date": pa.array(since, pa.date32()),
            "source": pa.repeat(NAME, len(old)),
        }
    )


def successors(changes: pa.Table) -> dict[str, str]:
    """Old id to current one, of rows of the dataset; of one that changed twice to the last."""
    step = dict(zip(changes.column("old_id").to_pylist(), changes.column("order_book_id").to_pylist(), strict=True))
    found = {}
    for old in step:
        current, seen = old, {old}
        while (following := step.get(current)) is not None and following not in seen:
            current = following
            seen.add(current)
        found[old] = current
    return found


def renamed(table: pa.Table, current: Mapping[str, str]) -> pa.Table:
    """The rows with every id in place of which another stands today under that one."""
    at = table.column_names.index("order_book_id")
    ids = table.column("order_book_id").combine_chunks()
    encoded = ids if pa.types.is_dictionary(ids.type) else ids.dictionary_encode()
    known = encoded.dictionary.to_pylist()
    if not any(one in current for one in known):
        return table
    named = pa.array([current.get(one, one) for one in known], pa.string()).take(encoded.indices)
    return table.set_column(at, "order_book_id", named)
