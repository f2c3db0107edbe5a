"""The mainland's three stock exchanges: their hours through history, and the query that hands their calendars to the service."""

import warnings
from bisect import bisect_left
from datetime import date, time, timedelta
from typing import Any

from app.definitions import query
from app.definitions.sessions import AFTER_HOURS, AUCTION, CLOSING_AUCTION, CONTINUOUS, Hours, Phase
from app.stocks.sources import TellsTradingDates, TradingDates, open_source

FIRST = date(1990, 12, 19)
_BEIJING_OPENED = date(2021, 11, 15)
# Shenzhen trades on Shanghai's days; Beijing does too, since it opened.
SINCE = {"XSHG": FIRST, "XSHE": FIRST, "BJSE": _BEIJING_OPENED}

_MORNING = (Phase(AUCTION, time(9, 15), time(9, 25)), Phase(CONTINUOUS, time(9, 30), time(11, 30)))
_TO_THE_CLOSE = (*_MORNING, Phase(CONTINUOUS, time(13), time(15)))
_WITH_CLOSING_AUCTION = (*_MORNING, Phase(CONTINUOUS, time(13), time(14, 57)), Phase(CLOSING_AUCTION, time(14, 57), time(15)))
_WITH_AFTER_HOURS = (*_WITH_CLOSING_AUCTION, Phase(AFTER_HOURS, time(15, 5), time(15, 30)))
_AFTER_HOURS_FOR_ALL = Hours(date(2026, 7, 6), _WITH_AFTER_HOURS)

HOURS = {
    "XSHG": (Hours(FIRST, _TO_THE_CLOSE), Hours(date(2018, 8, 20), _WITH_CLOSING_AUCTION), _AFTER_HOURS_FOR_ALL),
    "XSHE": (Hours(FIRST, _TO_THE_CLOSE), Hours(date(2006, 7, 1), _WITH_CLOSING_AUCTION), _AFTER_HOURS_FOR_ALL),
    "BJSE": (Hours(_BEIJING_OPENED, _WITH_CLOSING_AUCTION),),
}
"""Of A-shares as a whole: the years before 2006 are simplified, and so is after-hours trading of single boards before 2026."""


_DISAGREEMENTS_SHOWN = 100
_DAY = timedelta(days=1)


@query
def calendar_sessions(context: Any) -> dict[str, Any]:
    """Every known session of each exchange and its hours, with its source and the last day for which the source can tell.

    The configured source's own trading dates first, `exchange_calendars` where it has none.
    """
    days, name = library()
    source = open_source(context.settings, days.sessions, context.now())
    return {exchange: said(exchange, source, days, name) for exchange in SINCE}


def said(exchange: str, source: object, days: TradingDates, name: str) -> dict[str, Any]:
    """What is told of one exchange by that source, where it can tell, and for the rest by the days of that name."""
    since = SINCE[exchange]
    known = TradingDates(days.sessions[bisect_left(days.sessions, since) :], since, days.known_until)
    disagreements: list[dict[str, Any]] = []
    own = source.trading_dates(exchange) if isinstance(source, TellsTradingDates) else None
    if isinstance(own, TradingDates) and isinstance(source, TellsTradingDates):
        disagreements = differences(own, source.name, known, name)
        known, name = above(own, known), f"{source.name}, {name}"
    return {
        "source": name,
        "sessions": [day.isoformat() for day in known.sessions],
        "horizon": known.known_until.isoformat(),
        "timezone": "Asia/Shanghai",
        "hours": [hours.plain() for hours in HOURS[exchange]],
        "disagreements": disagreements[:_DISAGREEMENTS_SHOWN],
    }


def above(first: TradingDates, second: TradingDates) -> TradingDates:
    """The first one's word where it has one, the second one's before and behind that; as it is where the two do not meet."""
    if first.known_from > second.known_until + _DAY or first.known_until + _DAY < second.known_from:
        return second
    outside = [day for day in second.sessions if not first.known_from <= day <= first.known_until]
    ends = min(first.known_from, second.known_from), max(first.known_until, second.known_until)
    return TradingDates(tuple(sorted({*first.sessions, *outside})), *ends)


def differences(first: TradingDates, name: str, second: TradingDates, other: str) -> list[dict[str, Any]]:
    """The days of which both know and say something else, newest first: those ahead of us are what matters."""
    start, end = max(first.known_from, second.known_from), min(first.known_until, second.known_until)
    days = sorted(day for day in {*first.sessions} ^ {*second.sessions} if start <= day <= end)
    opens = {*first.sessions}
    return [{"date": day.isoformat(), "said": {name: day in opens, other: day not in opens}} for day in reversed(days)]


def library() -> tuple[TradingDates, str]:
    """What `exchange_calendars` knows of Shanghai's days, and its name with its version."""
    import exchange_calendars  # three quarters of a second, for a question that is asked once a day

    with warnings.catch_warnings():
        # The library lags behind pandas' deprecations; nobody who asks for sessions can do anything about that.
        warnings.simplefilter("ignore")
        # Told no start it begins twenty years ago; told no end it may stop a year from now.
        horizon = exchange_calendars.get_calendar("XSHG").bound_max()
        known = exchange_calendars.get_calendar("XSHG", start=FIRST.isoformat(), end=horizon).sessions
    days = TradingDates(tuple(day.date() for day in known), FIRST, horizon.date())
    return days, f"exchange_calendars {exchange_calendars.__version__}"
