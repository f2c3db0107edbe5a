"""What one step attempt reports of itself: rows, seconds, bytes, quality, and whatever its op adds."""

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from app.definitions.messages import Output
from app.runner import memory
from app.runner.text import clean

NAME_LIMIT = 100
TEXT_LIMIT = 1_000
COUNT_LIMIT = 100


class Metrics:
    """The metrics of one attempt, from its begin on."""

    def __init__(self) -> None:
        self._reported: dict[str, float | int | str | None] = {}
        self._began = time.monotonic()

    def report(self, name: str, value: Any) -> None:
        """Take what the op says. Raises TypeError for what is no number, text or None; NaN is null."""
        if name not in self._reported and len(self._reported) >= COUNT_LIMIT:
            raise ValueError(f"a step reports at most {COUNT_LIMIT} metrics")
        self._reported[clean(str(name), NAME_LIMIT)] = _plain(value)

    def finish(self, outputs: Mapping[str, Output] | None = None, given: Iterable[Output] = ()) -> dict[str, Any]:
        """Everything, now that the attempt ends; what the op reported itself wins.

        Where no output tells how good it is, it is as good as the worst of what the step was given.
        """
        made = list(outputs.values()) if outputs else []
        quality = _worst(made)
        return {
            "record_count": _sum(_count(output) for output in made),
            "processing_time": time.monotonic() - self._began,
            "memory_usage": memory.peak_bytes(),
            "data_quality_score": _worst(given) if quality is None else quality,
            **self._reported,
        }


def _count(output: Output) -> int | None:
    if output["kind"] == "value":
        return len(output["value"]) if isinstance(output["value"], list) else None
    return output.get("rows")


def _worst(outputs: Iterable[Output]) -> float | None:
    return min((quality for output in outputs if (quality := output.get("quality")) is not None), default=None)


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _plain(value: Any) -> float | int | str | None:
    if hasattr(value, "item") and type(value).__module__ == "numpy":
        value = value.item()
    if isinstance(value, str):
        return clean(value, TEXT_LIMIT)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    raise TypeError(f"a metric is a number, a text or None, not a {type(value).__name__}")
