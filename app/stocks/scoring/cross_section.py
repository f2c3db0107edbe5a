"""The arithmetic of scores. Matrices have a row per date and a column per instrument; NaN is a value that does not exist."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

TAILS = (0.01, 0.99)


@dataclass(frozen=True)
class Scores:
    """One row per date, one column per instrument; `factors` counts, `rank` is 1 for the best and 0 for none."""

    score: Matrix
    total: Matrix
    rank: npt.NDArray[np.int64]
    factors: npt.NDArray[np.int64]
    contributions: dict[str, Matrix]


def scores(
    factors: dict[str, Matrix],
    weights: dict[str, float],
    min_factors: int,
    neutral: Callable[[Matrix], Matrix] | None = None,
) -> Scores:
    """Combine factors, whose values outside the universe are NaN already.

    Each is clipped to its 1st and 99th percentile of the date (linear interpolation) and standardised; total = sum(w z) /
    sum(|w|) over the factors that exist; score = 100 (r - 1) / (n - 1) with r the mean rank of equal totals, 50 when n = 1.
    Fewer than `min_factors` factors give no total. `neutral` takes out of standardised values what something else explains.
    """
    standard = {name: zscore(winsorise(factors[name])) for name in weights}
    if neutral is not None:
        standard = {name: neutral(z) for name, z in standard.items()}
    count = np.zeros(next(iter(standard.values())).shape, dtype=np.int64)
    weight = np.zeros(count.shape)
    for name, z in standard.items():
        here = ~np.isnan(z)
        count += here
        weight += abs(weights[name]) * here
    enough = count >= min_factors
    total = np.where(enough, 0.0, np.nan)
    contributions = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, z in standard.items():
            contribution = z * weights[name] / weight
            contribution[~enough] = np.nan
            contributions[name] = contribution
            total += np.where(np.isnan(contribution), 0.0, contribution)
    score, rank = percentile(total)
    return Scores(score, total, rank, count, contributions)


def winsorise(values: Matrix) -> Matrix:
    """The values with each date's tails clipped to its 1st and 99th percentile, by linear interpolation."""
    last = np.maximum((~np.isnan(values)).sum(axis=1) - 1, 0)
    if not values.shape[1]:
        return values
    places = [last * tail for tail in TAILS]
    # Two neighbours at each tail are enough: to sort the rest would take twice as long. NaN comes last either way.
    needed = np.concatenate([np.floor(place) for place in places] + [np.ceil(place) for place in places])
    ordered = np.partition(values, np.unique(needed).astype(np.intp), axis=1)
    low, high = (_between(ordered, place) for place in places)
    return np.clip(values, low[:, None], high[:, None])


def _between(ordered: Matrix, place: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The value at a fractional place of each row, by linear interpolation."""
    row = np.arange(len(place))
    lower, upper = (ordered[row, round_(place).astype(np.intp)] for round_ in (np.floor, np.ceil))
    return np.asarray(lower + (upper - lower) * (place - np.floor(place)))


def zscore(values: Matrix) -> Matrix:
    """Each date's values less their mean, over their population deviation; 0 where all are equal."""
    here = ~np.isnan(values)
    count = np.maximum(here.sum(axis=1), 1)
    mean = np.where(here, values, 0.0).sum(axis=1) / count
    centred = values - mean[:, None]
    deviation = np.sqrt(np.where(here, centred * centred, 0.0).sum(axis=1) / count)
    # Equal values leave rounding behind, which must not be blown up to a deviation of one.
    flat = deviation <= 1e-12 * np.abs(mean)
    return np.where(flat[:, None] & here, 0.0, centred / np.where(flat, 1.0, deviation)[:, None])


def percentile(total: Matrix) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Each date's percentile 0..100 of the totals, equal ones sharing their mean; and the rank, 1 for the greatest, 0 for NaN."""
    width = total.shape[1]
    score = np.full(total.shape, np.nan)
    rank = np.zeros(total.shape, dtype=np.int64)
    if not width:
        return score, rank
    order = np.argsort(total, axis=1, kind="stable")
    ordered = np.take_along_axis(total, order, axis=1)
    count = (~np.isnan(total)).sum(axis=1)[:, None]
    position = np.broadcast_to(np.arange(width), total.shape)
    starts = np.ones(total.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ends = np.ones(total.shape, dtype=bool)
    ends[:, :-1] = starts[:, 1:]
    first = np.maximum.accumulate(np.where(starts, position, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, position, width)[:, ::-1], axis=1)[:, ::-1]
    middle = (first + last) / 2
    among = position < count
    found = np.where(count > 1, 100 * middle / np.maximum(count - 1, 1), 50.0)
    np.put_along_axis(score, order, np.where(among, found, np.nan), axis=1)
    np.put_along_axis(rank, order, np.where(among, count - last, 0), axis=1)
    return score, rank
