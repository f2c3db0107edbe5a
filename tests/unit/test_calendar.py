"""Questions about sessions: answered up to the horizon, and never past it."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.definitions.calendar import SHIPPED, BeyondHorizon, Calendar

# The days around the National Day holiday of 2026: Wednesday to Wednesday, Thursday the 8th after it.
DAYS = [date(2026, 9, day) for day in (28, 29, 30)] + [date(2026, 10, day) for day in (8, 9, 12)]
XSHG = Calendar("XSHG", DAYS)


def test_three_calendars_are_shipped() -> None:
    assert SHIPPED == ("XSHG", "XSHE", "BJSE")


@pytest.mark.parametrize(
    ("day", "session", "same_or_before", "before", "after"),
    [
        (date(2026, 9, 29), True, date(2026, 9, 29), date(2026, 9, 28), date(2026, 9, 30)),
        (date(2026, 10, 3), False, date(2026, 9, 30), date(2026, 9, 30), date(2026, 10, 8)),
        (date(2026, 10, 8), True, date(2026, 10, 8), date(2026, 9, 30), date(2026, 10, 9)),
        (date(2026, 10, 11), False, date(2026, 10, 9), date(2026, 10, 9), date(2026, 10, 12)),
    ],
)
def test_within_its_horizon_it_answers(day: date, session: bool, same_or_before: date, before: date, after: date) -> None:
    assert XSHG.is_session(day) is session
    assert XSHG.previous_or_same(day) == same_or_before
    assert XSHG.previous(day) == before
    assert XSHG.next(day) == after


QUESTIONS: list[Callable[[Calendar, date], object]] = [
    Calendar.is_session, Calendar.previous_or_same, Calendar.previous, Calendar.next, lambda c, day: c.between(DAYS[0], day),
]  # fmt: skip


@pytest.mark.parametrize("ask", QUESTIONS)
@pytest.mark.parametrize("day", [date(2026, 10, 13), date(2026, 10, 17), date(2027, 1, 4), date(2026, 9, 27), date(1990, 1, 1)])
def test_past_its_horizon_it_does_not_know(ask: Callable[[Calendar, date], object], day: date) -> None:
    assert not XSHG.knows(day)
    with pytest.raises(BeyondHorizon, match="from 2026-09-28 to 2026-10-12") as caught:
        ask(XSHG, day)
    assert caught.value.known_until == date(2026, 10, 12)


def test_at_the_ends_what_lies_beyond_is_not_known() -> None:
    assert XSHG.is_session(DAYS[0])
    with pytest.raises(BeyondHorizon):
        XSHG.previous(DAYS[0])
    assert XSHG.previous_or_same(DAYS[-1]) == DAYS[-1] == XSHG.last_known
    with pytest.raises(BeyondHorizon):
        XSHG.next(DAYS[-1])


def test_the_horizon_may_lie_past_the_last_session() -> None:
    calendar = Calendar("XSHG", DAYS, known_until=date(2026, 10, 18))
    assert not calendar.is_session(date(2026, 10, 18))
    assert calendar.previous_or_same(date(2026, 10, 18)) == date(2026, 10, 12)
    with pytest.raises(BeyondHorizon):
        calendar.next(date(2026, 10, 18))
    with pytest.raises(BeyondHorizon):
        calendar.is_session(date(2026, 10, 19))


def test_an_empty_calendar_knows_nothing() -> None:
    assert Calendar("BJSE", []).last_known is None
    with pytest.raises(BeyondHorizon, match="it is empty"):
        Calendar("BJSE", []).is_session(date(2026, 1, 1))


def test_between_has_both_ends() -> None:
    assert XSHG.between(date(2026, 9, 30), date(2026, 10, 9)) == tuple(DAYS[2:5])
    assert XSHG.between(date(2026, 10, 1), date(2026, 10, 7)) == ()


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(0, 60))
def test_it_agrees_with_looking_through_the_list(offsets: set[int], offset: int) -> None:
    days = [date(2026, 1, 1) + timedelta(days=each) for each in offsets]
    day = date(2026, 1, 1) + timedelta(days=offset)
    calendar = Calendar("X", days)
    if not min(days) <= day <= max(days):
        assert not calendar.knows(day)
        return
    assert calendar.is_session(day) == (day in days)
    assert calendar.previous_or_same(day) == max(each for each in days if each <= day)
    assert calendar.between(min(days), day) == tuple(sorted(each for each in days if each <= day))
    if day < max(days):
        assert calendar.next(day) == min(each for each in days if each > day)
