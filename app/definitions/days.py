"""The days of a schedule with `at`: every session, its successor, or the nth one of a week or month."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from app.definitions.calendar import BeyondHorizon, Calendar

_DAY = timedelta(days=1)
_SATURDAY = 5


class Said(NamedTuple):
    """A day that a schedule is about, and the day on which it fires for it."""

    day: date
    fires_on: date
    unknown: date | None = None
    """Of which day nobody knows whether it is a session, where this depends on it."""
    likely: bool = True
    """Whether it would be so if that day, a weekday, were a session."""


class Days:
    """Asked day by day."""

    def __init__(self, calendar: Calendar | None, rule: str | Mapping[str, Any] | None) -> None:
        self._calendar = calendar
        self._rule = rule

    def begin(self, day: date) -> date:
        """From which day on to ask, to hear of all that fire from that day on."""
        calendar = self._calendar
        if calendar is None or self._rule != "T+1":
            return day
        day -= _DAY
        while calendar.knows(day) and not calendar.is_session(day):
            day -= _DAY
        return day

    def of(self, day: date) -> Iterator[Said]:
        """The day itself if the schedule could fire for it: once, or not at all.

        A closed weekday counts, so that the ledger says that it was left out; a weekend never trades.
        """
        calendar = self._calendar
        if calendar is None:
            yield Said(day, day)
        elif isinstance(self._rule, Mapping):
            yield from self._nth(calendar, day, **self._rule)
        elif self._rule == "T+1":
            if _may_trade(calendar, day):
                yield _following(calendar, day)
        elif _may_trade(calendar, day) or day.weekday() < _SATURDAY:
            yield Said(day, day)

    def _nth(self, calendar: Calendar, day: date, nth: int, of: str) -> Iterator[Said]:
        """Past the horizon weekdays stand for sessions; a known one that is the nth or not, as those turn out, is not certain."""
        if not _may_trade(calendar, day):
            return
        period = [each for each in _period(day, of) if _may_trade(calendar, each)]
        others = [each for each in period if (each < day) == (nth > 0) and each != day]
        unknown = [each for each in others if not calendar.knows(each)]
        most = abs(nth) - 1
        first_unknown = next(iter(unknown), None if calendar.knows(day) else day)
        if len(others) == most:
            yield Said(day, day, first_unknown)
        elif calendar.knows(day) and len(others) - len(unknown) <= most < len(others):
            yield Said(day, day, first_unknown, likely=False)


def _may_trade(calendar: Calendar, day: date) -> bool:
    """A session, or a weekday of which nothing is known."""
    return calendar.is_session(day) if calendar.knows(day) else day.weekday() < _SATURDAY


def _following(calendar: Calendar, day: date) -> Said:
    """The next session; past the horizon the next weekday."""
    try:
        return Said(day, calendar.next(day))
    except BeyondHorizon:
        fires_on = day + timedelta(days={4: 3, 5: 2}.get(day.weekday(), 1))
        return Said(day, fires_on, fires_on)


def _period(day: date, of: str) -> list[date]:
    if of == "week":
        monday = day - timedelta(days=day.weekday())
        return [monday + timedelta(days=number) for number in range(7)]
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return [first + timedelta(days=number) for number in range((after - first).days)]
