"""What happens to a name besides trading: ex-rights, splits, special treatment, suspensions. All by (seed, name, date)."""

from dataclasses import dataclass

import numpy as np

from app.stocks.arrays import Flags, Floats, Ints
from app.stocks.sources.simulated import hashing
from app.stocks.sources.simulated.universe import Universe

# Every year that a history may touch: the product of factors then runs over the same years whatever is asked.
_YEARS = np.arange(1990, 2061)
_SPLITS = np.array([1.2, 1.3, 1.4, 1.5, 2.0])
SETTLED = 10
"""Days after a listing without suspension or error."""
SUSPENSION_BLOCK = 64
"""At most one suspension begins in each block of so many sessions."""
LONGEST_SUSPENSION = 15


def years_of(days: Ints) -> Ints:
    """The calendar year of each day."""
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


@dataclass(frozen=True)
class Factors:
    """Cumulative factors, names x days: of all ex-rights, and of splits alone. 1 at the listing."""

    all: Floats
    splits: Floats


def factors(universe: Universe, days: Ints) -> Factors:
    """Seven of ten names pay 0.3 to 4 % of their price once a year between April and July; one payment in sixteen also splits."""
    seed, numbers = universe.seed, universe.numbers
    january = (_YEARS - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    ex_days = january + 105 + np.floor(hashing.uniform(seed, "exday", numbers, _YEARS) * 105).astype(np.int64)
    due = ex_days > universe.listed[:, None] + 250
    pays = due & (hashing.uniform(seed, "pays", numbers, _YEARS) < 0.7)
    paid = np.where(pays, 0.003 + 0.037 * hashing.uniform(seed, "yield", numbers, _YEARS), 0)
    which = hashing.uniform(seed, "split", numbers, _YEARS)
    splits = np.where(pays & (which < 1 / 16), _SPLITS[np.minimum(which * 16 * len(_SPLITS), len(_SPLITS) - 1).astype(int)], 1)
    year = years_of(days) - _YEARS[0]
    # Before this year's ex-date the factor is last year's.
    place = year - (days[None, :] < ex_days[:, year])
    return Factors(*(_taken(np.cumprod(ratio, axis=1), place) for ratio in (splits / (1 - paid), splits)))


def _taken(by_year: Floats, place: Ints) -> Floats:
    padded = np.concatenate([np.ones((len(by_year), 1)), by_year], axis=1)
    return np.take_along_axis(padded, place + 1, axis=1)


def special_treatment(universe: Universe, days: Ints) -> Flags:
    """Each May one name in forty comes under special treatment until the next April, as annual reports do it."""
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    report_year = years_of(days) - (months < 4)
    years, place = np.unique(report_year, return_inverse=True)
    return (hashing.uniform(universe.seed, "st", universe.numbers, years) < 0.025)[:, place]


@dataclass(frozen=True)
class Suspensions:
    """Names x sessions: who does not trade, and for which of those days this vendor writes no row at all."""

    on: Flags
    unwritten: Flags


def suspensions(universe: Universe, days: Ints, ordinals: Ints) -> Suspensions:
    """In each block of 64 sessions one name in 25 rests for up to 15 sessions; one in ten of these leaves no rows."""
    seed, numbers = universe.seed, universe.numbers
    blocks = np.arange(ordinals[0] // SUSPENSION_BLOCK - 1, ordinals[-1] // SUSPENSION_BLOCK + 1)
    draw = hashing.bits(seed, "suspend", numbers, blocks)
    rests = hashing.quarter(draw, 0) < 0.04
    begin = blocks * SUSPENSION_BLOCK + np.floor(hashing.quarter(draw, 1) * SUSPENSION_BLOCK).astype(np.int64)
    end = np.where(rests, begin + 1 + np.floor(hashing.quarter(draw, 2) * LONGEST_SUSPENSION).astype(np.int64), begin)
    silent = hashing.quarter(draw, 3) < 0.1
    own = ordinals // SUSPENSION_BLOCK - blocks[0]
    settled = days[None, :] >= universe.listed[:, None] + SETTLED
    on, unwritten = np.zeros(settled.shape, bool), np.zeros(settled.shape, bool)
    for block in (own - 1, own):  # One that began in the block before may reach into this one.
        covered = (ordinals >= begin[:, block]) & (ordinals < end[:, block]) & settled
        on |= covered
        unwritten |= covered & silent[:, block]
    return Suspensions(on, unwritten)
