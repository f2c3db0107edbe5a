"""Exchange calendars: questions about a list of session dates that ends at a horizon, past which nothing is known."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from app.definitions.faults import Faults, Path
from app.definitions.sessions import Hours, Phase, Session, session

ALARM_SESSIONS = 30
"""How many known sessions may be left before that is an alarm."""

SHIPPED = ("XSHG", "XSHE", "BJSE")
"""The calendars that come with Openbell, by market identifier code."""


def check_calendar(name: object, known: Collection[str], faults: Faults, path: Path) -> None:
    """Note a calendar that is not among the known ones; none at all is fine."""
    if isinstance(name, str) and name not in known:
        faults.add(path, f"there is no calendar {name!r}{faults.others(name.upper(), known)}")


class BeyondHorizon(LookupError):
    """Whether that day is a session is not known."""

    def __init__(self, calendar: str, day: date, known_from: date | None, known_until: date | None) -> None:
        self.calendar = calendar
        self.day = day
        self.known_from = known_from
        self.known_until = known_until
        known = f"known from {known_from} to {known_until}" if known_from else "empty"
        super().__init__(f"the calendar {calendar} says nothing of {day}: it is {known}")


class Calendar:
    """The sessions of one exchange, in order, from its first one to its horizon."""

    def __init__(
        self,
        name: str,
        sessions: Iterable[date],
        *,
        known_until: date | None = None,
        timezone: str = "Asia/Shanghai",
        hours: Iterable[Hours] = (),
        special: Mapping[date, Sequence[Sequence[Phase]]] | None = None,
    ) -> None:
        """`known_until` is the horizon when it lies past the last session, as in a closed week.

        Of `hours`, several with one `since` are the several sessions of every date from then on.
        `special` gives a date phases of its own, for each of its sessions: half days, and dates with several sessions.
        """
        self.name = name
        self.zone = ZoneInfo(timezone)
        self.hours = tuple(sorted(hours, key=lambda each: each.since))
        self._special = dict(special or {})
        self.sessions = tuple(sorted(set(sessions)))
        self.known_from = self.sessions[0] if self.sessions else None
        last = self.sessions[-1] if self.sessions else None
        self.known_until = max(last, known_until) if last and known_until else last

    @property
    def last_known(self) -> date | None:
        """The last session before the horizon: what a run past it may still reach."""
        return self.sessions[-1] if self.sessions else None

    def left(self, today: date) -> int:
        """How many sessions are known after that day."""
        return len(self.sessions) - bisect_right(self.sessions, today)

    def alarm(self, today: date) -> str | None:
        """A sentence once so few sessions are left that somebody has to extend the calendar."""
        left = self.left(today)
        if left > ALARM_SESSIONS:
            return None
        extend = f"openbell calendar import {self.name} FILE --known-until DATE"
        return (
            f"{self.name} is known until {self.known_until}: after {today} {left} sessions are left. "
            f"Give it the exchange's next list ({extend}), or upgrade its source."
        )

    def special(self, day: date) -> list[list[list[Any]]] | None:
        """The phases of that date's sessions in their JSON form, where they are not the usual ones."""
        parts = self._special.get(day)
        return [[phase.plain() for phase in part] for part in parts] if parts else None

    def knows(self, day: date) -> bool:
        """Whether the calendar can say anything of that day."""
        return self.known_from is not None and self.known_until is not None and self.known_from <= day <= self.known_until

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on that day. Raises BeyondHorizon."""
        self._must_know(day)
        index = bisect_left(self.sessions, day)
        return index < len(self.sessions) and self.sessions[index] == day

    def previous_or_same(self, day: date) -> date:
        """The day itself if it is a session, else the last one before it. Raises BeyondHorizon."""
        self._must_know(day)
        return self.sessions[bisect_right(self.sessions, day) - 1]

    def previous(self, day: date) -> date:
        """The last session before that day. Raises BeyondHorizon, also for the first session."""
        self._must_know(day)
        index = bisect_left(self.sessions, day) - 1
        if index < 0:
            raise self._beyond(day)
        return self.sessions[index]

    def next(self, day: date) -> date:
        """The first session after that day. Raises BeyondHorizon, also when the next one lies past it."""
        self._must_know(day)
        index = bisect_right(self.sessions, day)
        if index == len(self.sessions):
            raise self._beyond(day)
        return self.sessions[index]

    def between(self, first: date, last: date) -> tuple[date, ...]:
        """The sessions from one day to another, both included. Raises BeyondHorizon unless both are known."""
        self._must_know(first)
        self._must_know(last)
        return self.sessions[bisect_left(self.sessions, first) : bisect_right(self.sessions, last)]

    def sessions_on(self, day: date) -> tuple[Session, ...]:
        """The sessions of that date, first one first; none when it is closed. Raises BeyondHorizon."""
        if not self.is_session(day):
            return ()
        return self._with(day, self._special.get(day) or self._usual(day))

    def sessions_as_usual(self, day: date) -> tuple[Session, ...]:
        """Its sessions; of a closed or unknown day those that its hours would give it."""
        if self.knows(day) and self.is_session(day):
            return self.sessions_on(day)
        return self._with(day, self._usual(day))

    def _usual(self, day: date) -> list[tuple[Phase, ...]]:
        """The phases of each session of an ordinary day: hours that begin on one date are a session each."""
        since = max((hours.since for hours in self.hours if hours.since <= day), default=None)
        return [hours.phases for hours in self.hours if hours.since == since] or [()]

    def _with(self, day: date, parts: Iterable[Sequence[Phase]]) -> tuple[Session, ...]:
        return tuple(session(day, number, phases, self.zone) for number, phases in enumerate(parts, 1))

    def _must_know(self, day: date) -> None:
        if not self.knows(day):
            raise self._beyond(day)

    def _beyond(self, day: date) -> BeyondHorizon:
        return BeyondHorizon(self.name, day, self.known_from, self.known_until)
