"""The simulated vendor's daily bars: candles, volumes and limits around the walk's closes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from app.stocks.arrays import Array, Flags, Floats, Ints
from app.stocks.instruments import BOARDS
from app.stocks.quality import limits
from app.stocks.sources.simulated import dirt, events, hashing
from app.stocks.sources.simulated.dirt import Dirt
from app.stocks.sources.simulated.universe import Universe
from app.stocks.sources.simulated.walk import Walk, walk


@dataclass(frozen=True)
class Market:
    """Names x sessions: the walk cut to the wanted sessions, and what each cell delivers."""

    universe: Universe
    days: Ints
    walk: Walk
    cut: slice
    written: Flags
    """Cells with a row, errors included."""
    age: Ints
    """Sessions since the listing."""
    kinds: Ints
    """The error of each cell."""


def market(universe: Universe, dirt_rates: Dirt, days: Ints, anchor: int, first: int, last: int) -> Market:
    """The cells of the names from session `first` to `last`, both included."""
    path = walk(universe, days, anchor, first, last)
    cut = slice(len(path.days) - (last - first + 1), None)
    wanted = path.days[cut]
    listed = (wanted >= universe.listed[:, None]) & (wanted < universe.delisted[:, None])
    settled = wanted >= universe.listed[:, None] + events.SETTLED
    resting, unwritten = path.suspensions.on[:, cut], path.suspensions.unwritten[:, cut]
    kinds = dirt_rates.of(hashing.uniform(universe.seed, "dirt", universe.numbers, wanted))
    kinds = np.where(listed & settled & ~resting, kinds, dirt.CLEAN)
    age = np.arange(first, last + 1) - np.searchsorted(days, universe.listed)[:, None]
    return Market(universe, wanted, path, cut, listed & ~unwritten & (kinds != dirt.LOST), age, kinds)


def table(cells: Market, source: str) -> pa.Table:
    """The rows in canonical columns, sorted by key, as delivered: with errors and duplicates."""
    places = np.nonzero(cells.written)
    columns = _columns(cells, places)
    kinds = cells.kinds[places]
    rows = dirt.soil(columns, kinds)
    again = np.concatenate([[False], rows[1:] == rows[:-1]]) & (kinds[rows] == dirt.CONFLICT)
    ids = pa.DictionaryArray.from_arrays(pa.array(places[0][rows], pa.int32()), pa.array(cells.universe.ids))
    made = {
        "order_book_id": ids.cast(pa.string()),
        "trade_date": pa.array(cells.days[places[1][rows]], pa.int32()).cast(pa.date32()),
    }
    for name, values in columns.items():
        taken: Array = values[rows]
        if name == "volume":
            taken = taken + 100 * again
        made[name] = pa.array(taken, from_pandas=True)
    made["source"] = pa.repeat(source, len(rows))
    return pa.table(made)


def _columns(cells: Market, places: tuple[Ints, ...]) -> dict[str, Array]:
    path, universe = cells.walk, cells.universe
    name = places[0]

    def at(matrix: Array) -> Array:
        return matrix[:, cells.cut][places]

    resting, close, prev = at(path.suspensions.on), at(path.close), at(path.prev_close)
    low_limit, high_limit = _limits(cells, places, at(path.prev_close), at(path.percent))
    draw = hashing.bits(universe.seed, "candle", universe.numbers, cells.days)[places]
    opened = prev + (close - prev) * (hashing.quarter(draw, 0) * 1.1 - 0.2)
    wide = 0.012 * prev
    top = np.maximum(opened, close) + wide * hashing.quarter(draw, 1) ** 2
    bottom = np.minimum(opened, close) - wide * hashing.quarter(draw, 2) ** 2
    candle = [np.round(np.fmin(np.fmax(price, low_limit), high_limit), 2) for price in (opened, top, bottom)]
    moved = np.abs(at(path.step)) * 1e-6
    splits = at(path.factors.splits)
    busy = np.exp(hashing.bell(hashing.bits(universe.seed, "volume", universe.numbers, cells.days)[places]) / 80_000)
    shares = universe.shares[name] * splits
    volume = np.where(
        resting, 0, np.ceil(shares * np.minimum(universe.liquidity[name] * busy * (1 + 12 * moved), 0.6) / 100) * 100
    )
    fair = (candle[0] + candle[1] + candle[2] + 2 * close) / 5
    blank = np.where(resting, np.nan, 1.0)
    return {
        "open": candle[0] * blank,
        "high": candle[1] * blank,
        "low": candle[2] * blank,
        "close": close * blank,
        "prev_close": prev * blank,
        "volume": volume.astype(np.int64),
        "total_turnover": np.where(resting, 0.0, np.round(fair * volume, 2)),
        "turnover_rate": np.round(volume / shares, 6),
        "adj_factor": at(path.factors.all),
        "split_factor": splits,
        "limit_up": high_limit * blank,
        "limit_down": low_limit * blank,
        "is_suspended": resting,
        "is_st": at(path.is_st),
    }


def _limits(cells: Market, places: tuple[Ints, ...], prev: Floats, percent: Ints) -> tuple[Floats, Floats]:
    board = np.array([BOARDS.index(one) for one in cells.universe.boards])
    free = limits.free_sessions(board, cells.universe.listed)
    low, high = limits.prices(prev, percent)
    unlimited = (percent == 0) | (cells.age[places] < free[places[0]])
    return np.where(unlimited, np.nan, low), np.where(unlimited, np.nan, high)
