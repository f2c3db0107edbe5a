"""The simulated companies' reports, as valuations at the close of the day on which they became known."""

import numpy as np
import pyarrow as pa

from app.stocks.arrays import Ints
from app.stocks.sources.simulated import hashing
from app.stocks.sources.simulated.events import years_of
from app.stocks.sources.simulated.universe import Universe
from app.stocks.sources.simulated.walk import LOWEST, walk

# Annual report, first quarter, half year, third quarter: first day of the year on which it may be announced, and for how many.
# Between the first two lies more than a holiday, or both could become known on one session.
_SEASONS = np.array([[74, 22], [104, 16], [221, 22], [287, 17]])


def table(universe: Universe, days: Ints, anchor: int, first: int, last: int, source: str) -> pa.Table:
    """The reports that became known from session `first` to `last`, in canonical columns, sorted by key."""
    years = np.arange(years_of(days[first : first + 1])[0] - 1, years_of(days[last : last + 1])[0] + 1)
    quarters = (years[:, None] * 4 + np.arange(4)).ravel()
    januaries = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    draw = hashing.bits(universe.seed, "report", universe.numbers, quarters)
    begin, width = (np.tile(_SEASONS[:, n], len(years)) for n in (0, 1))
    announced = np.repeat(januaries, 4) + begin + np.floor(hashing.quarter(draw, 0) * width).astype(np.int64)
    known = np.searchsorted(days, announced)
    inside = (known >= first) & (known <= last)
    shown = days[np.minimum(known, len(days) - 1)]
    inside &= (shown >= universe.listed[:, None]) & (shown < universe.delisted[:, None])
    name, report = np.nonzero(inside)
    path = walk(universe, days, anchor, first, last)
    place = (name, known[name, report] - last - 1 + len(path.days))
    change = 1 + 0.4 * (hashing.quarter(draw, 1) - 0.5)
    # What a company earns follows its level on the anchor date, not its price of the day.
    fair = LOWEST * np.exp(universe.level[name] * 1e-6) * change[name, report] / path.adjusted[place]
    earnings = (-0.01 + 0.09 * universe.draw("earnings"))[name] * fair
    book = (0.2 + 0.9 * universe.draw("book"))[name] * fair
    sales = (0.2 + 1.3 * universe.draw("sales"))[name] * fair
    issued = (universe.shares * (1 + universe.draw("locked")))[name] * path.factors.splits[place]
    day = pa.array(shown[name, report], pa.int32()).cast(pa.date32())
    return pa.table(
        {
            "order_book_id": pa.array([universe.ids[n] for n in name], pa.string()),
            "trade_date": day,
            "known_date": day,
            "earnings_yield": np.round(earnings, 6),
            "book_yield": np.round(book, 6),
            "sales_yield": np.round(sales, 6),
            "roe_ttm": np.round(earnings / book, 6),
            "market_cap": np.round(path.close[place] * issued, 2),
            "source": pa.repeat(source, len(name)),
        }
    )
