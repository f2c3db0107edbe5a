"""The simulated market: deterministic, with the habits and the dirt of a real one, for a first look and for tests.

A value is a function of (seed, name, date): it depends neither on the range nor on the names asked for, nor on today.
"""

from app.stocks.sources.simulated.dirt import Dirt
from app.stocks.sources.simulated.source import Simulated

__all__ = ["Dirt", "Simulated"]
