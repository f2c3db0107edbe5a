"""Ops of the crash tests. Their import makes run processes count their points: the plan stands beside the data dir."""

import os
import time
from datetime import date
from pathlib import Path
from typing import Annotated

import pandas as pd

from app.definitions import Dataset, OpContext, op
from app.settings import PREFIX
from tests.faults.crash_points import Points, watch_files

DAY = date(2026, 11, 20)
_DATA_DIR = f"{PREFIX}DATA_DIR"

if _DATA_DIR in os.environ:  # in a run process; the tests import this module as well
    watch_files(Points(Path(os.environ[_DATA_DIR]).parent / "crash.child"))


@op
def count(context: OpContext, number: int = 0, other: int = 0) -> int:
    """One more than its inputs."""
    with (context.data_dir.parent / "effects").open("a") as effects:
        effects.write(f"{context.run_id} {context.node}\n")
    return number + other + 1


@op
def fail_first(context: OpContext, *, mark: str) -> int:
    """Fails until the mark is there, and makes it."""
    if not Path(mark).exists():
        Path(mark).touch()
        raise ConnectionError("not yet")
    return 1


@op
def fail_without(number: int = 0, *, mark: str) -> int:
    """Fails as long as the mark is not there."""
    if not Path(mark).exists():
        raise ValueError("no mark")
    return number + 1


@op
def hold(context: OpContext, *, mark: str) -> int:
    """Says that it runs, and ends when it is asked to."""
    Path(mark).touch()
    while not context.cancelled:
        time.sleep(0.002)
    return 1


@op
def stage(context: OpContext, *, value: float) -> Annotated[Dataset, "daily_bars"]:
    """Stage one instrument and its bar."""
    named = {"order_book_id": "600000.XSHG", "valid_from": date(1900, 1, 1), "name": f"at {value}", "source": "test"}
    context.lake.stage("instruments", pd.DataFrame([named]))
    prices = dict.fromkeys(("open", "high", "low", "close"), value)
    bar = {"order_book_id": "600000.XSHG", "trade_date": DAY, "volume": 100, "is_suspended": False, "source": "test"}
    return context.lake.stage("daily_bars", pd.DataFrame([bar | prices]))


@op(publishes=True)
def publish(context: OpContext, bars: Annotated[Dataset, "daily_bars"]) -> Dataset:
    """Publish what was staged."""
    return bars
