"""A schedule's moments: for every instant at which it could fire, whether it does, for which trade date, and why not.

Pure: the same document, calendar and window always give the same answer, so a preview is what will happen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim

from app.definitions.calendar import BeyondHorizon, Calendar
from app.definitions.days import Days, Said
from app.definitions.moment import Moment, parse_moment

Decision = Literal["fire", "skip", "hold"]
ON_UNKNOWN = "weekdays_with_alarm"
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_REACH = timedelta(days=5)
"""How far a moment may lie from its session's date: a day of offset from a night session that begins on Friday for Monday."""


@dataclass(frozen=True)
class Candidate:
    """A moment at which the schedule could fire."""

    due_at: datetime
    decision: Decision
    day: date
    """The date that it belongs to: its session's, or the one on which it would fire."""
    trade_date: date | None = None
    reason: str | None = None
    detail: str = ""
    alarm: bool = False
    """It fires although nobody knows whether that day is a session."""


class Timetable:
    """The moments of one schedule, from its document and its calendar, if it has one."""

    def __init__(self, document: Mapping[str, Any], calendar: Calendar | None) -> None:
        self._document = document
        self._calendar = calendar
        self._zone = ZoneInfo(document.get("timezone", "Asia/Shanghai"))
        # As instants: a minute's cron that begins in years is not walked through until then.
        self._begins = _midnight(document.get("start_date"), self._zone)
        self._ends = _midnight(document.get("end_date"), self._zone, days=1)

    def between(self, after: datetime, until: datetime) -> Iterator[Candidate]:
        """The candidates behind one instant up to another, in their order."""
        after = after if self._begins is None else max(after, self._begins - _INSTANT)
        until = until if self._ends is None else min(until, self._ends - _INSTANT)
        if after < until:
            yield from self._by_cron(after, until) if "cron" in self._document else self._by_sessions(after, until)

    def next_after(self, after: datetime, within: timedelta = timedelta(days=1500)) -> datetime | None:
        """The next moment at which it has to be looked at; None when there is none within that time."""
        after = after if self._begins is None else max(after, self._begins - _INSTANT)
        # In growing windows: most schedules come back within a day, and a year of a minute's cron is half a million.
        for begin, end in pairwise(after + within * share for share in (0, 0.002, 0.03, 0.3, 1)):
            if candidate := next(self.between(begin, end), None):
                return candidate.due_at
        return None

    def next_fire(self, after: datetime, within: timedelta = timedelta(days=60)) -> datetime | None:
        """The next moment at which it fires; None when none is known within that time."""
        return next((found.due_at for found in self.between(after, after + within) if found.decision == "fire"), None)

    # By cron

    def _by_cron(self, after: datetime, until: datetime) -> Iterator[Candidate]:
        for local in CronSim(self._document["cron"], after.astimezone(self._zone)):
            due = local.astimezone(UTC)
            if due > until:
                return
            yield self._on(due, due.astimezone(self._calendar.zone).date() if self._calendar else local.date())

    def _on(self, due: datetime, day: date) -> Candidate:
        """What happens at that instant, which belongs to that day."""
        calendar = self._calendar
        if calendar is None:
            return Candidate(due, "fire", day)
        if not calendar.knows(day):
            return self._unknown(calendar, due, day, day)
        if not calendar.is_session(day):
            return Candidate(due, "skip", day, reason="holiday", detail=f"{day} ({day:%a}) is no session of {calendar.name}")
        return self._fired(calendar, Candidate(due, "fire", day))

    def _fired(self, calendar: Calendar, candidate: Candidate) -> Candidate:
        rule = self._document.get("trade_date", "same")
        try:
            trade_date = {"same": candidate.day, "previous": None, "latest_published": None}[rule]
            if rule == "previous":
                trade_date = calendar.previous(candidate.day)
        except BeyondHorizon as error:
            return replace(candidate, decision="hold", reason="unknown_day", detail=str(error))
        return replace(candidate, trade_date=trade_date)

    def _unknown(self, calendar: Calendar, due: datetime, day: date, unknown: date) -> Candidate:
        """What happens for that day as long as nobody knows whether the exchange trades on that other, or same, day."""
        horizon = f"whether {calendar.name} trades on {unknown} is not known: its calendar ends {calendar.known_until}"
        if self._document.get("on_unknown") == ON_UNKNOWN:
            if unknown.weekday() >= 5:
                return Candidate(due, "skip", day, reason="holiday", detail=f"{unknown} ({unknown:%a}) is on a weekend")
            trade_date = {"same": day, "previous": _weekday_before(calendar, day)}.get(self._document.get("trade_date", "same"))
            return Candidate(due, "fire", day, trade_date, "unknown_day", f"{horizon}; it fires on weekdays all the same", True)
        return Candidate(due, "hold", day, reason="unknown_day", detail=horizon)

    # By sessions

    def _by_sessions(self, after: datetime, until: datetime) -> Iterator[Candidate]:
        moment = parse_moment(self._document["at"])
        assert moment is not None
        found: list[Candidate] = []
        days = Days(self._calendar, self._document.get("day"))
        day, last = days.begin((after - _REACH).date()), (until + _REACH).date()
        while day <= last:
            for said in days.of(day):
                found += self._at(moment, said)
            # What a later day may still bring lies behind this.
            ready = datetime.combine(day, time(0), UTC) - _REACH
            found.sort(key=lambda candidate: candidate.due_at)
            while found and (found[0].due_at < ready or day == last):
                candidate = found.pop(0)
                if after < candidate.due_at <= until:
                    yield candidate
            day += _DAY

    def _at(self, moment: Moment, said: Said) -> list[Candidate]:
        """The candidates of that day: several where it has several sessions."""
        found = []
        for due in self._instants(moment, said.fires_on):
            if self._calendar is None or said.unknown is None:
                found.append(self._on(due, said.day))
            elif said.likely or self._document.get("on_unknown") != ON_UNKNOWN:
                found.append(self._unknown(self._calendar, due, said.day, said.unknown))
        return found

    def _instants(self, moment: Moment, day: date) -> list[datetime]:
        if moment.anchor is None:
            assert moment.at is not None
            return [datetime.combine(day, moment.at, self._zone).astimezone(UTC)]
        assert self._calendar is not None
        found = (session.anchor(moment.anchor) for session in self._calendar.sessions_as_usual(day))
        return [(instant + moment.offset).astimezone(UTC) for instant in found if instant is not None]


def _weekday_before(calendar: Calendar, day: date) -> date:
    """The weekday before, or the last known session where that is nearer."""
    before = day - timedelta(days={0: 3, 6: 2}.get(day.weekday(), 1))
    return before if not calendar.knows(before) else calendar.previous_or_same(before)


def _midnight(day: str | None, zone: ZoneInfo, days: int = 0) -> datetime | None:
    """When that day begins there, so many days later; None for one beyond all schedules, as 9999-12-31."""
    if day is None or not "1900" < day < "9000":
        return None
    return datetime.combine(date.fromisoformat(day) + timedelta(days=days), time(0), zone)
