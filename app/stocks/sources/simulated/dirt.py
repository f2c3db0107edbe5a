"""What is wrong in the simulated vendor's delivery: seldom, on purpose, and always in the same places."""

from dataclasses import dataclass, fields

import numpy as np

from app.stocks.arrays import Array, Floats, Ints

CLEAN = 0


@dataclass(frozen=True)
class Dirt:
    """For each kind of error, the part of traded rows that has it."""

    lost: float = 1e-4
    """No row, though the name traded."""
    duplicate: float = 1e-4
    """The row comes twice."""
    conflict: float = 1e-5
    """The row comes twice, with two volumes."""
    swapped: float = 5e-5
    """high and low stand in each other's column."""
    negative: float = 2.5e-5
    """A price bears a minus sign."""
    lots: float = 2.5e-5
    """Volume in lots of a hundred where shares are meant."""

    @classmethod
    def none(cls) -> "Dirt":
        """A vendor without errors."""
        return cls(**dict.fromkeys(KINDS, 0.0))

    def of(self, draw: Floats) -> Ints:
        """The error (its place in KINDS, from 1; 0 is none) that each draw in [0, 1) means."""
        bounds = np.cumsum([getattr(self, kind) for kind in KINDS])
        return ((np.searchsorted(bounds, draw, side="right") + 1) % (len(KINDS) + 1)).astype(np.int64)


KINDS = tuple(field.name for field in fields(Dirt))
LOST, DUPLICATE, CONFLICT, SWAPPED, NEGATIVE, LOTS = range(1, len(KINDS) + 1)


def soil(columns: dict[str, Array], kinds: Ints) -> Ints:
    """Put the errors into the columns; answers which rows are delivered, in order, some of them twice."""
    swapped, negative, lots = (kinds == kind for kind in (SWAPPED, NEGATIVE, LOTS))
    high, low = columns["high"].copy(), columns["low"].copy()
    # A day without movement has nothing to swap: its high is moved so that the error shows.
    columns["high"] = np.where(swapped, low - 0.01 * (high == low), high)
    columns["low"] = np.where(swapped, high, np.where(negative, -1, 1) * low)
    columns["volume"] = np.where(lots, columns["volume"] // 100, columns["volume"])
    return np.repeat(np.arange(len(kinds)), 1 + ((kinds == DUPLICATE) | (kinds == CONFLICT)))
