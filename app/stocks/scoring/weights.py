"""Which factors count, how much, and in which direction."""

import math
from collections.abc import Collection, Mapping

from app.definitions.names import suggestion
from app.stocks.dictionary.scores import BUILT_IN

DEFAULT: dict[str, float] = {
    "momentum_20d": 1,
    "volatility_20d": -1,
    "rsi14": -1,
    "volume_ratio_5d": 1,
    "macd_hist_ratio": 1,
    "earnings_yield": 1,
    "book_yield": 1,
    "turnover_rate": -1,
}
"""Equal weights; a minus means that less is better."""


def check(weights: Mapping[str, float] | None, min_factors: int, own: Collection[str] = ()) -> dict[str, float]:
    """The weights that count, in the dictionary's order, then those of one's `own` factors.

    Raises ValueError for an unknown factor or too few of them.
    """
    given = DEFAULT if weights is None else weights
    known = (*BUILT_IN, *sorted(own))
    for name, weight in given.items():
        if name not in known:
            raise ValueError(f"there is no factor {name!r}{suggestion(name, known)} (the factors are {', '.join(known)})")
        if not math.isfinite(weight):
            raise ValueError(f"the weight of {name!r} is not a number")
    counting: dict[str, float] = {name: float(given[name]) for name in known if given.get(name)}
    if len(counting) < max(min_factors, 1):
        raise ValueError(f"{len(counting)} factors have a weight, but a score needs min_factors = {min_factors} of them")
    return counting
