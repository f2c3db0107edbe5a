"""Random numbers without a state: each is a hash of what it belongs to, so none depends on what else was asked."""

import numpy as np
from numpy.typing import NDArray

from app.stocks.arrays import Floats, Ints

Bits = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(x: Bits) -> Bits:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014), in place."""
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def bits(seed: int, stream: str, rows: Ints, columns: Ints) -> Bits:
    """64 random bits for each (row, column): a matrix that depends on seed, stream name and the two numbers alone."""
    name = np.frombuffer(stream.encode().ljust(8, b"\0")[:8], dtype=np.uint64)
    start = mix(name + np.array([seed], dtype=np.uint64) * _GOLDEN)
    by_row = mix(mix(rows.astype(np.uint64) * _GOLDEN) + start)
    by_column = mix(columns.astype(np.uint64) * _GOLDEN + start)
    return mix(by_row[:, None] + by_column[None, :])


def uniform(seed: int, stream: str, rows: Ints, columns: Ints) -> Floats:
    """A number in [0, 1) for each (row, column)."""
    return unit(bits(seed, stream, rows, columns))


def unit(x: Bits) -> Floats:
    """The upper 53 bits as a number in [0, 1)."""
    return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53


def quarter(x: Bits, n: int) -> Floats:
    """The nth 16 bits (0..3) as a number in [0, 1): four coarse draws from one hash."""
    return ((x >> np.uint64(16 * n)) & np.uint64(0xFFFF)).astype(np.float64) * 2.0**-16


def bell(x: Bits) -> Ints:
    """The four 16-bit draws' sum less its mean: bell-shaped, deviation 37837, at most 131070, and whole, so sums are exact."""
    total = np.zeros(x.shape, dtype=np.int64)
    for n in range(4):
        total += ((x >> np.uint64(16 * n)) & np.uint64(0xFFFF)).astype(np.int64)
    return total - 131070
