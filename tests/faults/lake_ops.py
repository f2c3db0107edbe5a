"""Ops that stage and publish bars of a small market, and stop on the way where a test wants them."""

import os
import signal
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from app.definitions import Dataset, OpContext, op
from app.stocks.lake.market_lake import market_lake

DATASET = "daily_bars"


def rows(symbol: str, close: float, count: int = 20) -> pd.DataFrame:
    """Bars of one instrument, all at the same price."""
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(count)]
    return pd.DataFrame({"order_book_id": symbol, "trade_date": days, "close": close, "is_suspended": False,
                         "is_st": False, "source": "test"})  # fmt: skip


@op(publishes=True)
def publish_bars(context: OpContext, *, symbol: str, folder: str = "", first: str = "") -> Dataset:
    """Stage one instrument at a price that tells the attempt, then publish. In its first attempt it waits, or dies, before."""
    staged = context.lake.stage(DATASET, rows(symbol, float(context.attempt)))
    if folder and context.attempt == 1 and not (Path(folder) / "go").exists():
        (Path(folder) / "staged.part").write_text(str(os.getpid()))
        (Path(folder) / "staged.part").rename(Path(folder) / "staged")
        if first == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        while not (Path(folder) / "go").exists():
            time.sleep(0.005)
        (Path(folder) / "goes").touch()
    return staged


@op(publishes=True)
def rewrite_bars(context: OpContext, *, close: float, mark: str, symbols: int = 1500) -> Dataset:
    """Write months of bars anew, all at that price, and publish them."""
    Path(mark).write_text(str(os.getpid()))
    ids = np.repeat([f"{600000 + number}.XSHG" for number in range(symbols)], 90)
    frame = pd.concat([rows("", close, 90)] * symbols, ignore_index=True).assign(order_book_id=ids)
    noise = np.random.default_rng(int(close)).normal(size=len(frame))
    market_lake(context).stage(DATASET, frame.assign(open=noise, high=noise + 1, low=noise - 1))
    return Dataset(DATASET)


@op(publishes=True)
def publish_slowly(context: OpContext, *, symbol: str, folder: str) -> Dataset:
    """Stage one instrument at a price that tells the try, then wait for a word before publishing: in every try again."""
    number = sum(1 for _ in Path(folder).glob("try-*")) + 1
    staged = context.lake.stage(DATASET, rows(symbol, float(number)))
    (Path(folder) / "part").write_text(str(os.getpid()))
    (Path(folder) / "part").rename(Path(folder) / f"try-{number}")
    while not (Path(folder) / f"go-{number}").exists():
        time.sleep(0.005)
    return staged


@op(publishes=True)
def count_one(context: OpContext, *, seconds: float = 0.05) -> Dataset:
    """Publish a count that is one more than the newest snapshot's, after some work on it, and a row of the run's own.

    Without that two that count alike would have done the same, which is published once.
    """
    known = context.lake.read(DATASET, columns=["close"], symbols=["COUNT"])["close"].to_pylist()
    time.sleep(seconds)
    own = [rows(context.run_id, 0.0, 1), rows("COUNT", max(known, default=0.0) + 1, 1)]
    return context.lake.stage(DATASET, pd.concat(own, ignore_index=True))


def _scores(bars: pd.DataFrame) -> pd.DataFrame:
    """Scores that tell of which bars they were computed."""
    found = bars[["order_book_id", "trade_date"]].assign(total=bars["close"], factors=1)
    return found.drop_duplicates(["order_book_id", "trade_date"])


@op
def ask_vendor(context: OpContext) -> int:
    """A value that is not of the lake."""
    return 1


@op
def read_bars(context: OpContext) -> pd.DataFrame:
    """The bars as a frame."""
    return context.lake.read(DATASET).to_pandas()


@op
def score_frame(context: OpContext, bars: pd.DataFrame, asked: int = 0) -> Dataset:
    """Scores of a frame of bars."""
    return context.lake.stage("scores", _scores(bars))


@op
def score_lake(context: OpContext, *, fails_at: int = 0) -> Dataset:
    """Scores of the bars as the run sees them."""
    if context.attempt == fails_at:
        raise ValueError("it cannot be computed again")
    return context.lake.stage("scores", _scores(context.lake.read(DATASET).to_pandas()))


@op
def tell(context: OpContext, scores: Dataset) -> int:
    """What is done once: an alert."""
    return 1


@op
def halt(*, folder: str) -> int:
    """Fail until a test says otherwise."""
    if not (Path(folder) / "go").exists():
        raise ValueError("not yet")
    return 1


@op(publishes=True)
def save_when_told(context: OpContext, scores: Dataset, told: int = 0, *, folder: str) -> Dataset:
    """Publish what was staged before, once a test says so."""
    (Path(folder) / "ready").touch()
    while not (Path(folder) / "go").exists():
        time.sleep(0.005)
    return scores


@op(publishes=True)
def publish_close(context: OpContext, *, close: float) -> Dataset:
    """Publish bars of one instrument at that price."""
    return context.lake.stage(DATASET, rows("600000.XSHG", close))
