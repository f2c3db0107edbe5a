"""Which days a step is about: its params, else the run's trade date, else everything up to the last closed session."""

from dataclasses import dataclass
from datetime import date, timedelta

from app import clock
from app.definitions import OpContext
from app.errors import Invalid, Unavailable
from app.stocks import calendar

LOOKBACK_SESSIONS = 60


@dataclass(frozen=True)
class Window:
    """Days from `start` to `end`, both included. `sessions`: all known ones, of days outside too."""

    start: date
    end: date
    sessions: list[date]

    @property
    def inside(self) -> list[date]:
        """The sessions of the window."""
        return calendar.between(self.sessions, self.start, self.end)

    def before(self, sessions: int = LOOKBACK_SESSIONS) -> date:
        """The day from which that many sessions lie before the window."""
        return calendar.back(self.sessions, self.start, sessions + 1)

    def months(self) -> list["Window"]:
        """The window cut at the turns of months, as the lake's files are."""
        cuts = [date(year, month, 1) for year in range(self.start.year, self.end.year + 1) for month in range(1, 13)]
        starts = [self.start, *(cut for cut in cuts if self.start < cut <= self.end)]
        ends = [*(cut - timedelta(days=1) for cut in starts[1:]), self.end]
        return [Window(start, end, self.sessions) for start, end in zip(starts, ends, strict=True)]

    def years(self) -> list["Window"]:
        """The window cut at the turns of years: each piece fits into memory, and its months into files of its own."""
        cuts = range(self.start.year, self.end.year + 1)
        return [Window(max(self.start, date(year, 1, 1)), min(self.end, date(year, 12, 31)), self.sessions) for year in cuts]


def known_sessions(context: OpContext) -> list[date]:
    """Every known session; past the last one a warning is logged. Raises Unavailable when none is known."""
    sessions = context.sessions("XSHG")
    if not sessions:
        raise Unavailable("No session of XSHG is known yet.", hint="the calendar is planted when the service starts")
    today = clock.market_date(context.now())
    if today > sessions[-1]:
        context.log.warning("the calendar has ended: nothing is known after its horizon", horizon=sessions[-1].isoformat())
    return sessions


def closed(context: OpContext, sessions: list[date], ready: date) -> date:
    """The readiness mark, or the last session that is over where the mark lies in the future."""
    over = calendar.last_closed(sessions, context.now())
    return min(ready, over) if over else ready


def resolve(
    context: OpContext,
    sessions: list[date],
    first: date,
    ready: date,
    *,
    start_date: date | None,
    end_date: date | None,
    days: int | None = None,
) -> Window:
    """The window that params and trade date name, within what is there: data from `first` to `ready`.

    `days`: so many sessions up to the end. Raises Invalid for an empty range, Unavailable for a trade date without data yet.
    """
    bound = closed(context, sessions, ready)
    asked = end_date or context.trade_date or bound
    if end_date is None and asked > bound:
        raise Unavailable(f"The data of {asked} are not ready; the newest are those of {bound}.")
    if asked > bound:
        context.log.warning("the data end before the days asked for", asked=asked.isoformat(), newest=bound.isoformat())
    end = min(asked, bound)
    if start_date is not None:
        start = start_date
    elif days is not None:
        start = calendar.back(sessions, end, days)
    else:
        start = first if end_date is not None or context.trade_date is None else end
    window = Window(max(start, first), end, sessions)
    if not window.inside:
        raise Invalid(f"There is no session with data from {start} to {asked}; data run from {first} to {bound}.")
    return window
