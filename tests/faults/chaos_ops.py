"""Ops that write down what they really do, and the jobs made of them."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pyarrow as pa

from app.definitions import Dataset, OpContext, RetryPolicy, op
from tests.faults.history import History

DATASET = "fundamentals"
COUNT = "COUNT"
"""The row whose market_cap is one more in every publication: each must have seen the one before it, and none twice."""
_DAY = date(2026, 1, 5)
_SLICE_SECONDS = 0.025


@op
def work(context: OpContext, before: int = 0, beside: int = 0, *, history: str, seconds: float) -> int:
    """Be at work for so long."""
    with _effect(context, history, seconds):
        return before + beside + 1


@op(retry=RetryPolicy(max_retries=3, delay=0.1, backoff="exponential", jitter="full"))
def falter(context: OpContext, before: int = 0, *, history: str, seconds: float, times: int) -> int:
    """Fail in the first attempts, after some work."""
    with _effect(context, history, seconds):
        if context.attempt <= times:
            raise ConnectionError(f"attempt {context.attempt} of {times + 1}")
        return before + 1


@op(publishes=True)
def publish(context: OpContext, before: int = 0, *, history: str, seconds: float) -> Dataset:
    """Publish a row of this run's own, and a count that goes on from the newest snapshot."""
    key = f"RUN.{context.run_id}"
    with _effect(context, history, seconds, publishes=key):
        known = context.lake.read(DATASET, columns=["order_book_id", "market_cap"], symbols=[COUNT])
        count = sum(known["market_cap"].to_pylist())
        rows = [(key, float(before)), (COUNT, count + 1)]
        return context.lake.stage(DATASET, pa.Table.from_pylist([_row(*row) for row in rows]))


def _row(key: str, value: float) -> dict[str, Any]:
    day = {"trade_date": _DAY, "known_date": _DAY}
    return {"order_book_id": key, **day, "market_cap": value, "source": "chaos"}


@contextmanager
def _effect(context: OpContext, history: str, seconds: float, **facts: str) -> Iterator[None]:
    """Write down that the step is at work in this process, again and again while it is, and that it was done."""
    file = History(history)
    who = {"effect": secrets.token_hex(6), "run": context.run_id, "node": context.node, "pid": os.getpid()}

    def write(what: str, **more: str) -> None:
        file.write("op", what, attempt=context.attempt, **who, **more)

    write("effect_begin")
    until = time.monotonic() + seconds
    while time.monotonic() < until and not context.cancelled:
        time.sleep(_SLICE_SECONDS)
        write("effect_work")
    yield
    write("effect_commit", **facts)


def _node(name: str, op: str, history: str, inputs: dict[str, str], **params: Any) -> dict[str, Any]:
    return {"id": name, "op": op, "inputs": inputs, "params": {"history": history, "seconds": "${params.seconds}", **params}}


def pipelines(history: str) -> dict[str, list[dict[str, Any]]]:
    """The nodes of each pipeline, by its name."""
    first = _node("first", "work", history, {})
    second = _node("second", "work", history, {"before": "first"})
    third = _node("third", "work", history, {"before": "second"})
    return {
        "chain": [first, second, third],
        "narrow": [first, second, third],
        "wide": [
            first,
            second,
            _node("beside", "work", history, {"before": "first"}),
            _node("third", "work", history, {"before": "second", "beside": "beside"}),
        ],
        "flaky": [first, _node("second", "falter", history, {"before": "first"}, times=2), third],
        "broken": [first, _node("second", "falter", history, {"before": "first"}, times=9), third],
        "published": [first, _node("second", "publish", history, {"before": "first"}), _node("third", "work", history, {})],
    }


LIMITS = {"narrow": 1}
"""How many runs of a job go on at once, where that is few."""
WEIGHTS = {"chain": 30, "narrow": 10, "wide": 20, "flaky": 10, "broken": 5, "published": 25}
"""How often each job is run, beside the others."""
