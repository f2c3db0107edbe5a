"""Where market data come from: one interface, one package for each vendor, chosen by the setting SOURCE.

Above a source there are no vendor's names, units or types, and no silence: every question is answered by data, by
confirmed nothing, or by the reason why not.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from app.stocks.sources.answers import Answer, Data, Empty, Unavailable
from app.stocks.sources.source import Health, Source, TellsTradingDates, TradingDates

if TYPE_CHECKING:
    from app.settings import Settings

__all__ = [
    "Answer",
    "Data",
    "Empty",
    "Health",
    "Source",
    "TellsTradingDates",
    "TradingDates",
    "Unavailable",
    "open_source",
]


def open_source(settings: "Settings", sessions: Sequence[date], now: datetime) -> Source | Unavailable:
    """The configured source, over these sessions (all known ones, in order) and as of that instant."""
    if settings.source == "simulated":
        from app.stocks.sources.simulated import Simulated

        return Simulated(
            sessions, now, symbols=settings.simulated_symbols, years=settings.simulated_years, start=settings.history_start
        )
    if settings.source == "files":
        from app.stocks.sources.files import Files

        return Files(settings.files_path, sessions)
    return Unavailable(
        "unsupported",
        f"the source {settings.source!r} is not part of this release",
        "set OPENBELL_SOURCE to 'simulated' or 'files'",
    )
