"""The one interface behind which every vendor stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable

from app.stocks.sources.answers import Answer, Unavailable


@dataclass(frozen=True)
class Health:
    """A source that can be asked: where its data begin, and the newest session whose data are complete (the readiness mark).

    `announced`: the source itself says so; else it is the newest day of which it has anything, and may still be growing.
    """

    first_date: date
    ready_through: date
    detail: str = ""
    announced: bool = True


@dataclass(frozen=True)
class TradingDates:
    """What a source knows of an exchange's days: within the two ends every day that is not among the sessions is closed."""

    sessions: tuple[date, ...]
    known_from: date
    known_until: date


@runtime_checkable
class TellsTradingDates(Protocol):
    """A source that knows the exchanges' trading dates itself. Its word comes before that of a library."""

    name: str

    def trading_dates(self, exchange: str) -> TradingDates | Unavailable:
        """The sessions of that exchange (XSHG, XSHE, BJSE), as far back and ahead as the source is sure of them."""


class Source(Protocol):
    """A vendor of market data. Tables come in the columns, types and units of the data dictionary, in any order of rows."""

    name: str
    """What the `source` column of its rows says, and what a lake born with it remembers."""

    @property
    def edition(self) -> str:
        """Told without asking it: another word than before means that it may have something new. Empty where only time tells."""

    def capabilities(self) -> frozenset[str]:
        """The datasets that it can offer. Of any other it answers Unavailable, for the reason `unsupported`."""

    def health(self) -> Health | Unavailable:
        """Whether it can be asked, and for which dates."""

    def instruments(self) -> Answer:
        """Every instrument that it knows, delisted ones too, each with all the periods of its facts."""

    def code_changes(self) -> Answer:
        """The codes that changed, where it tells of any; its rows may bear either code."""

    def corporate_actions(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """Dividends and splits of these instruments (None: all) whose ex_date lies from start to end, both included."""

    def daily_bars(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """Bars of these instruments (None: all) from start to end, both included, as delivered: duplicates and errors too."""

    def intraday_bars(self, ids: Sequence[str] | None, start: date, end: date, frequency: str) -> Answer:
        """Bars of that frequency (1m, 5m, 15m, 30m, 60m) of the sessions from start to end, as delivered."""

    def fundamentals(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """Valuations whose trade_date lies from start to end, both included."""
