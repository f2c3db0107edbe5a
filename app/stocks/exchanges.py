"""The mainland's three stock exchanges: their hours through history, and the query that hands their calendars to the service."""

import warnings
from bisect import bisect_left
from datetime import date, time
from typing import Any

from app.definitions import query
from app.definitions.sessions import AFTER_HOURS, AUCTION, CLOSING_AUCTION, CONTINUOUS, Hours, Phase

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


@query
def calendar_sessions(context: Any) -> dict[str, Any]:
    """Every known session of each exchange and its hours, with its source and the last day for which the source can tell."""
    days, horizon, source = library()
    return {
        name: {
            "source": source,
            "sessions": [day.isoformat() for day in days[bisect_left(days, since) :]],
            "horizon": horizon.isoformat(),
            "timezone": "Asia/Shanghai",
            "hours": [hours.plain() for hours in HOURS[name]],
        }
        for name, since in SINCE.items()
    }


def library() -> tuple[list[date], date, str]:
    """The sessions that `exchange_calendars` knows, the last day of which it knows anything, and its name with its version."""
    import exchange_calendars  # three quarters of a second, for a question that is asked once a day

    with warnings.catch_warnings():
        # The library lags behind pandas' deprecations; nobody who asks for sessions can do anything about that.
        warnings.simplefilter("ignore")
        # Told no start it begins twenty years ago; told no end it may stop a year from now.
        horizon = exchange_calendars.get_calendar("XSHG").bound_max()
        known = exchange_calendars.get_calendar("XSHG", start=FIRST.isoformat(), end=horizon).sessions
    return [day.date() for day in known], horizon.date(), f"exchange_calendars {exchange_calendars.__version__}"
