"""Which sessions are over, and windows of them."""

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stocks import calendar
from app.stocks.intake.window import Window


def test_a_session_is_over_when_its_hour_has_come_in_shanghai(sessions: list[date]) -> None:
    monday = date(2026, 11, 23)
    assert calendar.last_closed(sessions, datetime(2026, 11, 23, 6, 59, tzinfo=UTC)) == date(2026, 11, 20)
    assert calendar.last_closed(sessions, datetime(2026, 11, 23, 7, 0, tzinfo=UTC)) == monday
    assert calendar.last_closed(sessions, datetime(2026, 11, 23, 7, 0, tzinfo=UTC), time(16)) == date(2026, 11, 20)
    # The evening of Sunday in UTC is Monday morning in Shanghai.
    assert calendar.last_closed(sessions, datetime(2026, 11, 22, 23, 0, tzinfo=UTC)) == date(2026, 11, 20)


def test_past_the_horizon_nothing_is_guessed(sessions: list[date]) -> None:
    assert calendar.last_closed(sessions, datetime(2027, 1, 4, 12, tzinfo=UTC)) == date(2026, 12, 31)
    assert calendar.next_session(sessions, date(2027, 1, 1)) is None
    assert calendar.last_closed(sessions, datetime(1990, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("cut", [Window.months, Window.years])
@given(first=st.dates(date(2019, 1, 1), date(2022, 12, 31)), length=st.integers(0, 900))
def test_a_cut_window_is_the_window(cut: Callable[[Window], list[Window]], first: date, length: int) -> None:
    last = first + timedelta(days=length)
    pieces = cut(Window(first, last, []))
    assert (pieces[0].start, pieces[-1].end) == (first, last)
    assert all(piece.start <= piece.end and piece.start.year == piece.end.year for piece in pieces)
    assert all(one.end + timedelta(days=1) == other.start for one, other in itertools.pairwise(pieces))
    if cut is Window.months:
        assert all(piece.start.month == piece.end.month for piece in pieces)
