"""Missing is not suspended, not yet listed or delisted; a rest is told by the price with which trading resumes."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from app.stocks import dictionary, gaps

DAYS = [date(2026, 1, day) for day in (5, 6, 7, 8, 9, 12, 13)]


def roll(**listings: tuple[date | None, date | None]) -> gaps.Roll:
    rows = [
        {"order_book_id": one, "valid_from": date(1900, 1, 1), "listed_date": listed, "delisted_date": gone, "source": "files"}
        for one, (listed, gone) in listings.items()
    ]
    return gaps.Roll.of(pa.Table.from_pylist(rows, schema=dictionary.get("instruments").arrow))


def rows(one: str, days: list[date], **values: Any) -> list[dict[str, Any]]:
    return [{"order_book_id": one, "trade_date": day, "is_suspended": False, "source": "files", **values} for day in days]


def table(*parts: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([row for part in parts for row in part], schema=dictionary.get("daily_bars").arrow)


def missing(listings: gaps.Roll, present: pa.Table) -> dict[str, list[int]]:
    grid = gaps.grid(listings, present, DAYS)
    found: dict[str, list[int]] = {}
    for row in grid.cells(grid.missing).to_pylist():
        found.setdefault(row["order_book_id"], []).append(row["trade_date"].day)
    return found


def test_a_known_listing_tells_what_to_expect() -> None:
    listings = roll(A=(date(2026, 1, 7), None), B=(date(2020, 1, 2), date(2026, 1, 9)), C=(date(2026, 2, 2), None))
    assert missing(listings, table()) == {"A": [7, 8, 9, 12, 13], "B": [5, 6, 7, 8]}
    assert missing(listings, table(rows("A", DAYS[2:]), rows("B", DAYS[:3]))) == {"B": [8]}


def test_without_a_listing_date_rows_are_expected_between_the_first_and_the_last() -> None:
    listings = roll(A=(None, None), B=(None, None))
    assert missing(listings, table(rows("A", [DAYS[1], DAYS[4]]))) == {"A": [7, 8]}
    # A day outside the window opens the span too.
    assert missing(listings, table(rows("A", [date(2025, 12, 31), DAYS[2]]))) == {"A": [5, 6]}


def test_strangers_and_other_days_are_no_concern() -> None:
    assert missing(roll(A=(DAYS[0], None)), table(rows("A", [*DAYS, date(2026, 1, 10)]), rows("X", DAYS[:1]))) == {}


@pytest.mark.parametrize(
    ("prev_close", "factor", "rested"),
    [
        (10.0, 1.0, True),
        (10.005, 1.0, True),  # half a fen
        (10.02, 1.0, False),
        (9.8, 10 / 9.8, True),  # an ex-date inside the rest
        (9.8, 1.0, False),
        (None, 1.0, False),
        (10.0, None, True),
    ],
)
def test_a_rest_is_told_by_the_next_reference_price(
    prev_close: float | None, factor: float | None, rested: bool, sessions: list[date]
) -> None:
    first = None if factor is None else 1.0
    bars = table(
        rows("A", DAYS[:2], close=10.0, prev_close=10.0, adj_factor=first, is_st=True),
        rows("A", DAYS[5:], close=10.5, prev_close=prev_close, adj_factor=factor),
    )
    grid = gaps.grid(roll(A=(None, None)), bars, DAYS)
    found = gaps.suspensions(bars, grid.cells(grid.missing), sessions)
    assert [row["trade_date"] for row in found.to_pylist()] == (DAYS[2:5] if rested else [])
    for row in found.to_pylist():
        assert (row["is_suspended"], row["source"], row["volume"], row["is_st"]) == (True, "inferred", 0, True)
        assert row["adj_factor"] == first


def test_a_rest_that_has_not_ended_is_not_told(sessions: list[date]) -> None:
    bars = table(rows("A", DAYS[:3], close=10.0, prev_close=10.0), rows("B", DAYS, close=5.0, prev_close=5.0))
    grid = gaps.grid(roll(A=(date(2020, 1, 2), None), B=(date(2020, 1, 2), None)), bars, DAYS)
    assert grid.cells(grid.missing).num_rows == 4
    assert gaps.suspensions(bars, grid.cells(grid.missing), sessions).num_rows == 0
    assert gaps.suspensions(table(), grid.cells(grid.missing), sessions).num_rows == 0
