"""The simulated companies' dividends and splits: what the factors of the bars are made of, in amounts."""

import numpy as np
import pyarrow as pa

from app.stocks.arrays import Flags, Ints
from app.stocks.sources.simulated import events
from app.stocks.sources.simulated.universe import Universe
from app.stocks.sources.simulated.walk import walk


def table(universe: Universe, days: Ints, anchor: int, first: int, last: int, source: str) -> pa.Table:
    """The actions whose ex-date is one of the sessions from `first` to `last`, in canonical columns, sorted by key."""
    went_ex = _went_ex(universe, days, first, last)
    universe, went_ex = universe.take(np.flatnonzero(went_ex.any(axis=1))), went_ex[went_ex.any(axis=1)]
    name, session = np.nonzero(went_ex)
    if not len(name):
        return pa.table({})
    # Only of those who pay: the walk of a whole market for the few who went ex on a day would take as long as its bars.
    path = walk(universe, days, anchor, first, last)
    at = session + len(path.days) - (last - first + 1)
    before = (name, at - 1)
    ratio, split = (factor[name, at] / factor[before] for factor in (path.factors.all, path.factors.splits))
    return pa.table(
        {
            "order_book_id": pa.array([universe.ids[n] for n in name], pa.string()),
            "ex_date": pa.array(days[first + session], pa.int32()).cast(pa.date32()),
            "cash_dividend": np.round(path.close[before] * (1 - split / ratio), 4),
            "split_ratio": np.round(split, 6),
            "source": pa.repeat(source, len(name)),
        }
    )


def _went_ex(universe: Universe, days: Ints, first: int, last: int) -> Flags:
    """Names x sessions: whose factor is not that of the session before."""
    low = max(first - 1, 0)
    factor = events.factors(universe, days[low : last + 1]).all
    changed = factor[:, 1:] != factor[:, :-1]
    if first == 0:
        changed = np.concatenate([np.zeros((len(factor), 1), dtype=bool), changed], axis=1)
    wanted = days[first : last + 1]
    changes: Flags = changed & (wanted >= universe.listed[:, None]) & (wanted < universe.delisted[:, None])
    return changes
