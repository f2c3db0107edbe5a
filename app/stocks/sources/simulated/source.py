"""The simulated market as a source."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks import bar_keys, calendar
from app.stocks.sources.answers import Answer, Data, Empty, Unavailable
from app.stocks.sources.simulated import actions, bars, dirt, intraday, periods, statements
from app.stocks.sources.simulated.dirt import Dirt
from app.stocks.sources.simulated.universe import Universe
from app.stocks.sources.source import Health

NAME = "simulated"
SEED = 20240102
ANCHOR = date(2024, 1, 2)
"""The session through which every walk passes at its level: fixed, so that no history begins a new market."""
END_OF_YEARS = date(2027, 1, 1)
"""Histories of n years begin n years before this day, whatever the day is today."""
_CELLS = 500_000
INTRADAY_SESSIONS = 20
READY_AT = time(16, 0)
"""When the vendor has a session's data, Asia/Shanghai; real ones publish between 16:00 and 19:30."""


class Simulated:
    """`symbols` names over the exchange's own sessions, from `start` (else `years` before 2027) to the last ready one."""

    name = NAME

    def __init__(
        self,
        sessions: Sequence[date],
        now: datetime,
        *,
        symbols: int = 300,
        years: float = 3,
        start: date | None = None,
        seed: int = SEED,
        dirt: Dirt | None = None,
    ) -> None:
        self._days = calendar.day_numbers(sessions)
        self._universe = Universe.of_size(seed, symbols)
        begin = start or END_OF_YEARS - timedelta(days=round(years * 365.25))
        self._start = calendar.next_session(sessions, begin) or begin
        self._ready = calendar.last_closed(sessions, now, READY_AT)
        self._dirt = dirt or Dirt()

    @property
    def edition(self) -> str:
        """Only time tells."""
        return ""

    def capabilities(self) -> frozenset[str]:
        """Instruments, bars of days and of minutes, dividends and splits, and what companies report."""
        return frozenset({"instruments", "daily_bars", "intraday_bars", "corporate_actions", "fundamentals"})

    def health(self) -> Health | Unavailable:
        """Ready up to the last session whose data hour has come."""
        if self._ready is None:
            return Unavailable("not_ready", "no session has closed yet", "the clock stands before the first known session")
        return Health(self._start, self._ready, f"{len(self._universe.numbers)} names, invented")

    def instruments(self) -> Answer:
        """Every name with the periods that have begun."""
        if self._ready is None:
            return Unavailable("not_ready", "no session has closed yet")
        (today,) = calendar.day_numbers([self._ready])
        return _answer([periods.table(self._universe, self._days, int(today), self.name)])

    def code_changes(self) -> Answer:
        """None: an invented exchange keeps its codes."""
        return Unavailable("unsupported", "no simulated instrument ever changed its code")

    def corporate_actions(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """What the factors of the bars are made of."""
        asked = self._ask(ids, start, end)
        if isinstance(asked, Unavailable):
            return asked
        universe, first, last = asked
        blocks = self._blocks(universe, last - first + 1)
        tables = (actions.table(names, self._days, self._anchor, first, last, self.name) for names in blocks)
        return _answer([table for table in tables if table.num_rows])

    def daily_bars(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """Bars as this vendor delivers them, its errors included."""
        asked = self._ask(ids, max(start, self._start), end)
        if isinstance(asked, Unavailable):
            return asked
        universe, first, last = asked
        pieces = []
        for names in self._blocks(universe, last - first + 1):
            cells = bars.market(names, self._dirt, self._days, self._anchor, first, last)
            pieces.append(bars.table(cells, self.name))
        return _answer(pieces)

    def intraday_bars(self, ids: Sequence[str] | None, start: date, end: date, frequency: str) -> Answer:
        """Bars of minutes of the last twenty sessions: this vendor keeps no older ones."""
        if self._ready is None or start > self._ready:
            return Unavailable("not_ready", f"the data of {start} are not ready; the newest are those of {self._ready}")
        ready = int(np.searchsorted(self._days, calendar.day_numbers([self._ready])[0]))
        kept = calendar.day_of(self._days[max(ready - INTRADAY_SESSIONS + 1, 0)])
        asked = self._ask(ids, max(start, kept, self._start), end)
        if isinstance(asked, Unavailable):
            return asked
        universe, first, last = asked
        cells = bars.market(universe, Dirt.none(), self._days, self._anchor, first, last)
        traded = bars.table(cells, self.name)
        traded = traded.filter(pc.invert(traded.column("is_suspended")))
        if not traded.num_rows:
            return Empty()
        number = universe.numbers[bar_keys.places(universe.ids, traded)]
        return Data(intraday.table(self._universe.seed, number, traded, frequency, self.name))

    def fundamentals(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """One row for each report, on the session on which it became known; reports from before the first bar too."""
        asked = self._ask(ids, start, end)
        if isinstance(asked, Unavailable):
            return asked
        universe, first, last = asked
        blocks = self._blocks(universe, last - first + 1)
        return _answer([statements.table(names, self._days, self._anchor, first, last, self.name) for names in blocks])

    def dirt(self, ids: Sequence[str] | None, start: date, end: date) -> pa.Table:
        """Where this vendor errs: order_book_id, trade_date, kind (a field of Dirt)."""
        asked = self._ask(ids, max(start, self._start), end)
        if isinstance(asked, Unavailable):
            raise LookupError(asked.detail)
        universe, first, last = asked
        cells = bars.market(universe, self._dirt, self._days, self._anchor, first, last)
        name, day = np.nonzero(cells.kinds)
        return pa.table(
            {
                "order_book_id": pa.array([universe.ids[n] for n in name], pa.string()),
                "trade_date": pa.array(cells.days[day], pa.int32()).cast(pa.date32()),
                "kind": pa.array([dirt.KINDS[kind - 1] for kind in cells.kinds[name, day]], pa.string()),
            }
        )

    @property
    def _anchor(self) -> int:
        return int(np.searchsorted(self._days, calendar.day_numbers([ANCHOR])[0]))

    def _ask(self, ids: Sequence[str] | None, start: date, end: date) -> tuple[Universe, int, int] | Unavailable:
        if self._ready is None or start > self._ready:
            return Unavailable("not_ready", f"the data of {start} are not ready; the newest are those of {self._ready}")
        universe = self._universe
        if ids is not None:
            place = {one: at for at, one in enumerate(universe.ids)}
            if unknown := [one for one in ids if one not in place]:
                return Unavailable("bad_request", f"there is no simulated instrument {unknown[0]!r}")
            universe = universe.take(np.array(sorted(place[one] for one in set(ids)), dtype=np.int64))
        low, high = calendar.day_numbers([start, min(end, self._ready)])
        first, last = np.searchsorted(self._days, low), np.searchsorted(self._days, high, side="right") - 1
        return universe, int(first), int(last)

    def _blocks(self, universe: Universe, sessions: int) -> list[Universe]:
        # Some twenty matrices of names x sessions are alive at once: a block keeps them at about a hundred megabytes.
        size = max(1, _CELLS // max(sessions, 1))
        names = np.arange(len(universe.numbers))
        return [universe.take(names[at : at + size]) for at in range(0, len(names), size)]


def _answer(pieces: list[pa.Table]) -> Answer:
    table = pa.concat_tables(pieces) if pieces else pa.table({})
    return Data(table) if table.num_rows else Empty()
