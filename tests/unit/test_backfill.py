"""How the trade dates of a backfill become chunks, and how far a range may reach."""

from datetime import date
from typing import Any

import pytest

from app.definitions.backfill import STOP_AFTER, Chunk, cut, parse_backfill
from app.errors import Invalid

DAYS = [date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 5), date(2026, 2, 2)]


@pytest.mark.parametrize(
    ("by", "chunks"),
    [
        ("date", [Chunk(day, day, 1) for day in DAYS]),
        ("month", [Chunk(DAYS[0], DAYS[1], 2), Chunk(DAYS[2], DAYS[2], 1), Chunk(DAYS[3], DAYS[3], 1)]),
        ("year", [Chunk(DAYS[0], DAYS[1], 2), Chunk(DAYS[2], DAYS[3], 2)]),
        ("all", [Chunk(DAYS[0], DAYS[3], 4)]),
    ],
)
def test_dates_are_cut_into_chunks(by: Any, chunks: list[Chunk]) -> None:
    assert cut(DAYS, by, "oldest") == chunks
    assert cut(DAYS, by, "newest") == chunks[::-1]
    assert cut([], by, "newest") == []


def test_a_range_reaches_to_today_unless_told_and_may_be_50_years_long() -> None:
    today = date(2026, 11, 24)
    found = parse_backfill({"from": "1976-11-25"}, today)
    assert (found.first, found.last, found.priority, found.triggers) == (date(1976, 11, 25), today, 10, "once_at_end")
    assert found.document == {"from": "1976-11-25", "to": "2026-11-24"}
    with pytest.raises(Invalid, match="more than 50 years"):
        parse_backfill({"from": "1976-11-24"}, today)


@pytest.mark.parametrize("count", [0, STOP_AFTER + 1, 20_000])
def test_it_may_go_on_for_50_failures_in_a_row_and_no_more(count: int) -> None:
    today = date(2026, 11, 24)
    assert parse_backfill({"from": "2026-01-01", "stop_after": STOP_AFTER}, today).stop_after == STOP_AFTER
    with pytest.raises(Invalid) as raised:
        parse_backfill({"from": "2026-01-01", "stop_after": count}, today)
    (fault,) = raised.value.faults
    assert (fault.pointer, fault.message) == ("/stop_after", f"must be at {'most 50' if count else 'least 1'}, not {count}")
