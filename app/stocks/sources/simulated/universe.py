"""Who is listed in the simulated market: ids, boards, listing dates and temper of each name, by its number alone."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.stocks.arrays import Floats, Ints
from app.stocks.instruments import board_of
from app.stocks.sources.simulated import hashing

NEVER = 2**31 - 1
"""A day after all others."""

# Twenty names in turn: (first code, how many of the twenty). A larger universe begins with the smaller one.
_PLAN = ((600000, 7), (1, 5), (300001, 5), (688001, 2), (920001, 1))
_SLOTS = [(first, width, place) for first, width in _PLAN for place in range(width)]
_OPENED = {"main": "1996-01-02", "chinext": "2009-10-30", "star": "2019-07-22", "bjse": "2021-11-15"}
_OLD, _LAST = (int(np.datetime64(day).astype(int)) for day in ("2016-01-01", "2026-12-31"))
_SYLLABLES = (
    "Bei",
    "Dong",
    "Fu",
    "Guang",
    "Hai",
    "Heng",
    "Jin",
    "Lan",
    "Ming",
    "Nan",
    "Rui",
    "Shan",
    "Tai",
    "Xin",
    "Yuan",
    "Zhong",
)


def code_of(number: int) -> str:
    """The id of the nth name, from 0."""
    turn, slot = divmod(number, len(_SLOTS))
    first, width, place = _SLOTS[slot]
    return f"{first + turn * width + place:06d}.SIM"


@dataclass(frozen=True)
class Universe:
    """Some names, sorted by id. Days are days since 1970-01-01."""

    seed: int
    numbers: Ints

    @classmethod
    def of_size(cls, seed: int, size: int) -> "Universe":
        """The first `size` names of the market."""
        return cls(seed, np.array(sorted(range(size), key=code_of), dtype=np.int64))

    def take(self, places: Ints) -> "Universe":
        """Those at the places."""
        return Universe(self.seed, self.numbers[places])

    def draw(self, stream: str) -> Floats:
        """One number in [0, 1) for each name."""
        drawn: Floats = hashing.uniform(self.seed, stream, self.numbers, np.zeros(1, dtype=np.int64))[:, 0]
        return drawn

    @cached_property
    def ids(self) -> list[str]:
        """The order_book_ids."""
        return [code_of(int(number)) for number in self.numbers]

    @cached_property
    def boards(self) -> NDArray[np.str_]:
        """The board of each."""
        return np.array([board_of(one) for one in self.ids])

    @cached_property
    def names(self) -> list[str]:
        """A short name for each."""
        first, second = (np.floor(self.draw(stream) * len(_SYLLABLES)).astype(int) for stream in ("name1", "name2"))
        return [f"{_SYLLABLES[a]}{_SYLLABLES[b].lower()} {n}" for a, b, n in zip(first, second, self.numbers, strict=True)]

    @cached_property
    def listed(self) -> Ints:
        """The day from which it may trade: four of five in the board's first years, before 2016 where there were such."""
        opened = np.array([np.datetime64(_OPENED[board]).astype(int) for board in self.boards])
        settled = np.maximum(opened + 365, _OLD)
        draw = self.draw("listed")
        old = opened + draw * (settled - opened)
        new = settled + draw * (_LAST - settled)
        days: Ints = np.where(self.draw("isnew") < 0.2, new, old).astype(np.int64)
        return days

    @cached_property
    def delisted(self) -> Ints:
        """The first day without trading, at least two years after the listing; one of twenty leaves between 2018 and 2027."""
        leaves = _OLD + 730 + self.draw("leaves") * (_LAST - _OLD - 730)
        going = (self.draw("goes") < 0.05) & (leaves > self.listed + 730)
        return np.where(going, leaves, NEVER).astype(np.int64)

    @cached_property
    def sigma(self) -> Ints:
        """The deviation of its own daily log return, in millionths."""
        return (12_000 + self.draw("sigma") * 12_000).astype(np.int64)

    @cached_property
    def level(self) -> Ints:
        """Where its walk stands on the anchor date, in millionths of a logarithm above the lowest price."""
        above: Ints = ((np.log(1.5) + self.draw("level") * np.log(15)) * 1e6).astype(np.int64)
        return above

    @cached_property
    def shares(self) -> Floats:
        """Float shares at its listing: a hundred million to four thousand million."""
        count: Floats = np.round(1e8 * np.exp(self.draw("shares") * np.log(40)), -4)
        return count

    @cached_property
    def liquidity(self) -> Floats:
        """The part of the float that an ordinary day trades."""
        part: Floats = 0.003 * np.exp(self.draw("liquid") * np.log(12))
        return part
