"""Taking out of a factor what size or industry explains, so that what is left is no bet on either.

Of each date's standardised factor stands the residual of a least-squares regression, with an intercept, on the standardised
log_market_cap (size) and on a dummy for each industry, standardised again. Source: the exposures' residual as in Barra's risk
models; Frisch, Waugh and Lovell for doing the dummies by demeaning. Who has no market value, or no industry, has no value then.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.errors import Fault, Invalid
from app.stocks.lake.market_lake import MarketLake
from app.stocks.scoring.cross_section import Matrix, winsorise, zscore
from app.stocks.scoring.universe import NEVER, Days

Exposure = Literal["size", "industry"]
SIZE = "log_market_cap"
_NOTHING = 1e-9
"""A residual of less than that per standard deviation is rounding."""


def exposures(by: Collection[Exposure]) -> tuple[Exposure, ...]:
    """The exposures, each once and in one order."""
    return tuple(one for one in get_args(Exposure) if one in by)


def check(lake: MarketLake, by: Collection[Exposure], weights: Collection[str]) -> None:
    """Raise Invalid when the lake cannot tell size or industry, or when nothing of a factor would be left."""
    faults = []
    if "size" in by and not any(file["rows"] for file in lake.files("fundamentals")):
        faults.append(Fault("/neutralise", "by size is not possible: the source gives no market values (fundamentals)"))
    if "size" in by and SIZE in weights:
        faults.append(Fault("/weights", f"nothing of {SIZE} is left when size is taken out: take its weight away"))
    if "industry" in by and not Industries(lake.read("instruments")).known:
        faults.append(Fault("/neutralise", "by industry is not possible: the source gives no industry of any instrument"))
    if faults:
        raise Invalid("The scores cannot be neutralised like that.", faults=faults)


def residual(z: Matrix, size: Matrix | None, industry: npt.NDArray[np.int64] | None) -> Matrix:
    """What is left of standardised values, standardised again. `size` is NaN, `industry` -1, where it is unknown."""
    here = ~np.isnan(z)
    if size is not None:
        here &= ~np.isnan(size)
    if industry is not None:
        here &= industry >= 0
    group = np.zeros(z.shape, dtype=np.int64) if industry is None else np.maximum(industry, 0)
    group = group + np.arange(len(z))[:, None] * (int(group.max(initial=0)) + 1)
    left = _demeaned(z, here, group)
    if size is not None:
        explains = _demeaned(size, here, group)
        length = (explains * explains).sum(axis=1)
        slope = np.where(length > _NOTHING, (explains * left).sum(axis=1) / np.where(length > _NOTHING, length, 1.0), 0.0)
        left = left - slope[:, None] * explains
    deviation = np.sqrt((left * left).sum(axis=1) / np.maximum(here.sum(axis=1), 1))
    left = np.where((deviation <= _NOTHING)[:, None], 0.0, left)
    return zscore(np.where(here, left, np.nan))


def _demeaned(values: Matrix, here: npt.NDArray[np.bool_], group: npt.NDArray[np.int64]) -> Matrix:
    """Each value less the mean of its group of those that count; 0 where it does not count."""
    flat, groups = np.where(here, values, 0.0).ravel(), group.ravel()
    total = np.bincount(groups, flat)
    count = np.bincount(groups, here.ravel())
    mean = total / np.maximum(count, 1)
    return np.where(here, values - mean[group], 0.0)


def standard_size(log_market_cap: Matrix) -> Matrix:
    """Sizes of a date, clipped and standardised like a factor."""
    return zscore(winsorise(log_market_cap))


class Industries:
    """In which industry each instrument was, by the periods of `instruments`."""

    def __init__(self, instruments: pa.Table) -> None:
        rows = instruments.filter(instruments.column("industry").is_valid())
        self.known = len(rows) > 0
        self._ids = np.asarray(rows.column("order_book_id").to_pylist(), dtype=object)
        self._from = rows.column("valid_from").cast(pa.int32()).to_numpy()
        self._to = rows.column("valid_to").cast(pa.int32()).fill_null(int(NEVER)).to_numpy()
        names = rows.column("industry").to_pylist()
        number = {name: position for position, name in enumerate(sorted(set(names)))}
        self._industry = np.array([number[name] for name in names], dtype=np.int64)
        said = (f"{one}|{name}".encode() for one, name in zip(self._ids, names, strict=True))
        self._hash = np.array([int.from_bytes(hashlib.sha256(text).digest()[:7]) for text in said], dtype=np.int64)

    def on(self, symbols: Sequence[str], days: Days) -> npt.NDArray[np.int64]:
        """A row per day, a column per instrument: its industry's number, -1 when it is unknown."""
        position = {symbol: number for number, symbol in enumerate(symbols)}
        place = np.array([position.get(symbol, -1) for symbol in self._ids], dtype=np.int64)
        kept = np.flatnonzero(place >= 0)
        found = np.full((len(days), len(symbols)), -1, dtype=np.int64)
        if not len(kept):
            return found
        # Both are sorted by instrument, then by day.
        keys = _key(place[kept], self._from[kept])
        at = np.searchsorted(keys, _key(np.arange(len(symbols))[None, :], days[:, None]), side="right") - 1
        row = kept[np.maximum(at, 0)]
        holds = (at >= 0) & (place[row] == np.arange(len(symbols))[None, :]) & (self._to[row] >= days[:, None])
        found[holds] = self._industry[row][holds]
        return found

    def stamp(self, first: int, last: int) -> str:
        """A hash of all that holds between two days."""
        during = (self._from <= last) & (self._to >= first)
        parts = (self._hash, np.maximum(self._from, first), np.minimum(self._to, last))
        said = np.stack([part[during].astype(np.int64) for part in parts])
        return hashlib.sha256(said.tobytes()).hexdigest()[:16]


def _key(place: npt.NDArray[np.int64], day: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    return np.asarray(place * 2**32 + (day.astype(np.int64) + 2**31))
