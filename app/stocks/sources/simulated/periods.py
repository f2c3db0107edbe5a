"""The simulated names' instruments: one row for each period in which a name's facts held."""

import numpy as np
import pyarrow as pa

from app.stocks.arrays import Ints
from app.stocks.instruments import exchange_of
from app.stocks.sources.simulated import events
from app.stocks.sources.simulated.universe import NEVER, Universe

_INDUSTRIES = (
    "banks", "chemicals", "computers", "electronics", "food", "machinery", "media", "metals", "power", "property", "textiles",
    "transport",
)  # fmt: skip


def table(universe: Universe, days: Ints, today: int, source: str) -> pa.Table:
    """The periods that have begun by `today` (of a listing ahead the first one), in canonical columns, sorted by key.

    A name bears the mark *ST while it is under special treatment, which begins and ends with a May.
    """
    # A listing past the calendar's horizon has no first session yet.
    universe = universe.take(np.flatnonzero(universe.listed <= days[-1]))
    listed = days[np.searchsorted(days, universe.listed)]
    mays = _mays(int(min(listed.min(initial=today), today)), max(today, int(listed.max(initial=today))))
    begins = np.maximum(mays[None, :], listed[:, None])
    under = events.special_treatment(universe, mays)
    # The May before the listing begins the first period; a later one begins another where the treatment changes.
    own = np.searchsorted(mays, listed, side="right") - 1
    place = np.arange(len(mays))[None, :]
    starts = place == own[:, None]
    starts[:, 1:] |= (place[:, 1:] > own[:, None]) & (under[:, 1:] != under[:, :-1])
    starts &= (begins <= np.maximum(today, listed)[:, None]) & (begins < universe.delisted[:, None])
    name, may = np.nonzero(starts)
    begin, is_st = begins[name, may], under[name, may]
    follows = np.concatenate([name[1:] == name[:-1], [False]]) if len(name) else np.zeros(0, bool)
    end = np.where(follows, np.concatenate([begin[1:], [0]])[: len(name)] - 1, NEVER)
    gone = universe.delisted[name]
    names = [("*ST " if st else "") + universe.names[n] for n, st in zip(name, is_st, strict=True)]
    industry = np.floor(universe.draw("industry") * len(_INDUSTRIES)).astype(int)
    return pa.table(
        {
            "order_book_id": pa.array([universe.ids[n] for n in name], pa.string()),
            "valid_from": _days(begin),
            "valid_to": _days(end),
            "name": pa.array(names, pa.string()),
            "board": pa.array(universe.boards[name].tolist(), pa.string()),
            "exchange": pa.array([exchange_of(universe.ids[n]) for n in name], pa.string()),
            "listed_date": _days(listed[name]),
            "delisted_date": _days(gone),
            "round_lot": pa.array(np.where(universe.boards[name] == "star", 200, 100), pa.int64()),
            "is_st": pa.array(is_st),
            "industry": pa.array([_INDUSTRIES[industry[n]] for n in name], pa.string()),
            "source": pa.repeat(source, len(name)),
        }
    )


def _mays(first: int, last: int) -> Ints:
    """The first of May of every year that the days touch, and of the one before."""
    years = np.arange(events.years_of(np.array([first]))[0] - 1, events.years_of(np.array([last]))[0] + 1)
    mays: Ints = ((years - 1970) * 12 + 4).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return mays


def _days(numbers: Ints) -> pa.Array:
    return pa.array(numbers, pa.int32(), mask=numbers == NEVER).cast(pa.date32())
