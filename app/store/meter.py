"""How long writes wait for their turn and how long transactions last, over the last minutes, in constant memory."""

import bisect
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

_MINUTES = 5
_STEP = 1.2
# From 10 microseconds to a minute; a percentile is told to a fifth of itself.
_BOUNDS = tuple(1e-5 * _STEP**n for n in range(87))


@dataclass
class _Minute:
    number: int
    waits: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    longest_wait: float = 0.0
    transactions: int = 0
    longest_transaction: float = 0.0


class Meter:
    """Notes come from one thread, questions from any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minutes: deque[_Minute] = deque(maxlen=_MINUTES)

    def note(self, waits: list[float], transaction: float) -> None:
        """A transaction ended: how long each of its writes had waited to begin, how long it lasted (seconds)."""
        with self._lock:
            minute = self._now()
            for wait in waits:
                minute.waits[bisect.bisect_left(_BOUNDS, wait)] += 1
                minute.longest_wait = max(minute.longest_wait, wait)
            minute.transactions += 1
            minute.longest_transaction = max(minute.longest_transaction, transaction)

    def facts(self) -> dict[str, Any]:
        """Writes, transactions, wait (p50, p99, max) and longest_transaction of the last minutes; seconds, null if none."""
        with self._lock:
            oldest = int(time.monotonic() // 60) - _MINUTES
            minutes = [minute for minute in self._minutes if minute.number > oldest]
        counts = [sum(column) for column in zip(*(minute.waits for minute in minutes), strict=True)]
        longest = max((minute.longest_wait for minute in minutes), default=0.0)
        writes = sum(counts)
        return {
            "window_seconds": _MINUTES * 60,
            "writes": writes,
            "transactions": sum(minute.transactions for minute in minutes),
            "wait": {
                "p50": _percentile(counts, 0.5, longest),
                "p99": _percentile(counts, 0.99, longest),
                "max": round(longest, 6) if writes else None,
            },
            "longest_transaction": round(max(minute.longest_transaction for minute in minutes), 6) if minutes else None,
        }

    def _now(self) -> _Minute:
        number = int(time.monotonic() // 60)
        if not self._minutes or self._minutes[-1].number != number:
            self._minutes.append(_Minute(number))
        return self._minutes[-1]


def _percentile(counts: list[int], share: float, longest: float) -> float | None:
    left = share * sum(counts)
    if not left:
        return None
    place = bisect.bisect_left(list(accumulate(counts)), left)
    return round(min(_BOUNDS[min(place, len(_BOUNDS) - 1)], longest), 6)
