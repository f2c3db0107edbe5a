"""A trading session and its phases: the instants from which a schedule counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

AUCTION, CONTINUOUS, CLOSING_AUCTION, AFTER_HOURS = "auction", "continuous", "closing_auction", "after_hours"


class Phase(NamedTuple):
    """A part of a session as a calendar's document says it: wall-clock times of the exchange.

    `day` is 0 for the session's own date, -1 for a phase that begins the calendar day before (a night session). A phase that
    ends before it begins ends on the following day.
    """

    name: str
    start: time
    end: time
    day: int = 0

    @classmethod
    def of(cls, said: Sequence[Any]) -> "Phase":
        """From its JSON form: [name, "09:30", "11:30"] or [name, "21:00", "02:30", -1]."""
        name, start, end, *day = said
        return cls(name, time.fromisoformat(start), time.fromisoformat(end), *day)

    def within(self) -> tuple[timedelta, timedelta]:
        """When it begins and ends, counted from the midnight with which its session's date begins."""
        begins, ends = (timedelta(days=self.day, hours=at.hour, minutes=at.minute) for at in (self.start, self.end))
        return begins, ends if ends > begins else ends + timedelta(days=1)

    def plain(self) -> list[Any]:
        """Its JSON form."""
        said: list[Any] = [self.name, self.start.strftime("%H:%M"), self.end.strftime("%H:%M")]
        return said if self.day == 0 else [*said, self.day]


class Hours(NamedTuple):
    """The phases of every session from that date on, until later hours begin."""

    since: date
    phases: tuple[Phase, ...]

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Hours":
        """From its JSON form: {"since": "2026-07-06", "phases": [[name, "09:30", "11:30"], ...]}."""
        return cls(date.fromisoformat(said["since"]), tuple(Phase.of(phase) for phase in said["phases"]))

    def plain(self) -> dict[str, Any]:
        """Its JSON form."""
        return {"since": self.since.isoformat(), "phases": [phase.plain() for phase in self.phases]}


class Span(NamedTuple):
    """A phase of one session, in instants of UTC: an offset from them is time that passes, whatever local clocks do."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Session:
    """One session of an exchange. A date may have several, numbered from 1."""

    day: date
    number: int
    spans: tuple[Span, ...]

    def anchor(self, name: str) -> datetime | None:
        """The instant that `auction`, `open`, `lunch`, `close` or `after_hours_close` means; None where this session has none.

        `auction`: the call auction begins. `open`: continuous trading begins. `lunch`: its first part ends. `close`: the last
        phase before after-hours trading ends. `after_hours_close`: after-hours trading ends.
        """
        trading = [span for span in self.spans if span.name == CONTINUOUS]
        regular = [span for span in self.spans if span.name != AFTER_HOURS]
        found = {
            "auction": [span.start for span in self.spans if span.name == AUCTION][:1],
            "open": [span.start for span in trading[:1]],
            "lunch": [trading[0].end] if len(trading) > 1 else [],
            "close": [max(span.end for span in regular)] if regular else [],
            "after_hours_close": [span.end for span in self.spans if span.name == AFTER_HOURS][-1:],
        }
        return next(iter(found[name]), None)


def session(day: date, number: int, phases: Sequence[Phase], zone: ZoneInfo) -> Session:
    """The session of that date with these phases, which are times of the zone."""
    return Session(day, number, tuple(_span(day, phase, zone) for phase in phases))


def _span(day: date, phase: Phase, zone: ZoneInfo) -> Span:
    begins = day + timedelta(days=phase.day)
    ends = begins if phase.end > phase.start else begins + timedelta(days=1)
    start, end = (datetime.combine(day, at, zone).astimezone(UTC) for day, at in ((begins, phase.start), (ends, phase.end)))
    return Span(phase.name, start, end)
