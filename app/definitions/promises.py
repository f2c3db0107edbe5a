"""A deadline's promises: for each trade date by when, from its document and its calendar alone."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.definitions.calendar import BeyondHorizon, Calendar
from app.definitions.moment import parse_moment
from app.definitions.prospects import moment_words

_DAY = timedelta(days=1)
_SATURDAY = 5
_REACH = timedelta(days=20)
"""How far a moment may lie behind its trade date: the longest holiday, and a day of offset."""

_AHEAD = timedelta(days=60)


class Promise(NamedTuple):
    """By when the trade date's result is to be there. Not `known`: nobody knows yet whether that day is a session."""

    trade_date: date
    due_at: datetime
    known: bool = True


class Promises:
    """Of one deadline."""

    def __init__(self, document: Mapping[str, Any], calendar: Calendar) -> None:
        self.calendar = calendar
        self._following = document.get("day") == "T+1"
        self._zone = ZoneInfo(document.get("timezone", "Asia/Shanghai"))
        moment = parse_moment(document["at"])
        assert moment is not None
        self._moment = moment

    def of(self, day: date) -> Promise | None:
        """What is promised for that day; None for one that is no session, or whose sessions lack what `at` counts from."""
        calendar = self.calendar
        if calendar.known_from is None or day < calendar.known_from:
            return None
        known = calendar.knows(day)
        if not (calendar.is_session(day) if known else day.weekday() < _SATURDAY):
            return None
        upon = day
        if self._following:
            try:
                upon = calendar.next(day)
            except BeyondHorizon:
                known, upon = False, day + timedelta(days={4: 3, 5: 2}.get(day.weekday(), 1))
        due_at = self._due(upon)
        return Promise(day, due_at, known) if due_at is not None else None

    def between(self, after: datetime, until: datetime) -> list[Promise]:
        """Those that come due behind one instant up to another, in their order."""
        day, last, found = (after - _REACH).date(), (until + _DAY * 2).date(), []
        while day <= last:
            promise = self.of(day)
            if promise is not None and after < promise.due_at <= until:
                found.append(promise)
            day += _DAY
        return sorted(found, key=lambda promise: promise.due_at)

    def next_after(self, after: datetime) -> Promise | None:
        """The next one to come due; None when there is none in sixty days."""
        return next(iter(self.between(after, after + _AHEAD)), None)

    def too_early(self, promise: Promise) -> str:
        """A warning where it is due before the day that it is about has closed; empty where it is not."""
        closes = [session.anchor("close") for session in self.calendar.sessions_as_usual(promise.trade_date)]
        close = max((instant for instant in closes if instant), default=None)
        if close is None or promise.due_at >= close:
            return ""
        due, closed = (at.astimezone(self.calendar.zone) for at in (promise.due_at, close))
        early = f"It is due at {due:%H:%M} of the trade date, before that day's close at {closed:%H:%M}"
        return f'{early}: end-of-day data is not there yet. For the morning after say "day": "T+1".'

    def opens_at(self, day: date) -> datetime:
        """When the day's own session begins, or the day itself where its hours are not known: nothing is foreseen before."""
        begins = [span.start for session in self.calendar.sessions_as_usual(day) for span in session.spans]
        return min(begins, default=datetime.combine(day, time(0), self.calendar.zone).astimezone(UTC))

    def closes_at(self, day: date) -> datetime:
        """When the day's session closes: what is alike from day to day is the time after that."""
        closes = [session.anchor("close") for session in self.calendar.sessions_as_usual(day)]
        found = [instant for instant in closes if instant is not None]
        return max(found) if found else datetime.combine(day, time(0), self.calendar.zone).astimezone(UTC)

    def _due(self, upon: date) -> datetime | None:
        if self._moment.anchor is None:
            assert self._moment.at is not None
            return datetime.combine(upon, self._moment.at, self._zone).astimezone(UTC)
        # A date with several sessions is due once, by its last one.
        found = [session.anchor(self._moment.anchor) for session in self.calendar.sessions_as_usual(upon)]
        return max((instant + self._moment.offset for instant in found if instant is not None), default=None)


def sentence(document: Mapping[str, Any], calendar: str) -> str:
    """What a deadline means, for people."""
    by = moment_words(document).removeprefix("At ")
    of = "of the session after" if document.get("day") == "T+1" else "of"
    dataset, job = document.get("dataset"), document["job"]
    what = f"{dataset} is published up to that day" if dataset else f"a run of {job} has succeeded for that day"
    return f"By {by} {of} each session of {calendar}, {what}."
