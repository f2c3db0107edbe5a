"""A lake of invented bars for a benchmark: 5,000 instruments, ten years, and one day more; snapshots in a file."""

import itertools
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app import clock
from app.definitions import OpContext
from app.definitions.lake import SnapshotState
from app.stocks import dictionary
from app.stocks.intake.examine import examine
from app.stocks.intake.window import Window
from app.stocks.lake.market_lake import MarketLake
from app.stocks.quality.gate import MIN_COVERAGE
from app.stocks.quality.policies import Policies

FIRST = date(2016, 1, 4)
_PREFIXES = ("600", "601", "603", "000", "002", "300", "688")


class Host:
    """The service's half of the lake for one process at a time: the newest snapshot is a JSON file."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.folder = data_dir / "lake"
        self._file = data_dir / "snapshot.json"

    def snapshot(self) -> SnapshotState:
        """The newest snapshot."""
        if not self._file.exists():
            return {"snapshot": 0, "published_at": "", "datasets": {}}
        state: SnapshotState = json.loads(self._file.read_text())
        return state

    def forget(self, *datasets: str) -> None:
        """Take datasets out of the newest snapshot, and their files away."""
        state = self.snapshot()
        for name in datasets:
            state["datasets"].pop(name, None)
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self._file.write_text(json.dumps(state))

    def publish(self, lake: MarketLake) -> None:
        """Name what the lake staged in a new snapshot, and show it."""
        state, publication = self.snapshot(), lake.publication()
        for name, said in publication["datasets"].items():
            known = state["datasets"].get(name, {"version": 0, "rows": 0, "facts": {}, "files": []})
            files = {file["partition"]: file for file in known["files"]}
            files |= {file["partition"]: file for file in publication["files"] if file["dataset"] == name}
            listed = [files[partition] for partition in sorted(files)]
            state["datasets"][name] = {
                "version": known["version"] + 1,
                "rows": sum(file["rows"] for file in listed),
                "facts": {**known["facts"], **said},
                "files": listed,
            }
        state["snapshot"] += 1
        state["published_at"] = "2026-01-01T00:00:00.000000Z"
        self._file.write_text(json.dumps(state))
        lake.published(state)


def sessions(count: int) -> list[date]:
    """That many weekdays from the first on."""
    days = (FIRST + timedelta(days=n) for n in range(count * 2))
    return [day for day in days if day.weekday() < 5][:count]


def tables(symbols: int, days: list[date]) -> Iterator[pa.Table]:
    """Bars month by month: a random walk with suspensions and dividends, prices with two decimals. The last day comes alone."""
    rng = np.random.default_rng(7)
    ids = np.array([f"{prefix}{n:03}.{'XSHG' if prefix[0] == '6' else 'XSHE'}" for prefix in _PREFIXES for n in range(1000)])
    ids = np.sort(rng.permutation(ids)[:symbols])
    walk = _Walk(rng, symbols)
    for _, month in itertools.groupby(days, key=lambda day: (day == days[-1], day.year, day.month)):
        listed = list(month)
        table = [walk.day() for _ in listed]
        columns: dict[str, Any] = {name: np.concatenate([day[name] for day in table]) for name in table[0]}
        columns["order_book_id"] = np.tile(ids, len(listed))
        columns["trade_date"] = np.repeat(np.array(listed, dtype="datetime64[D]"), symbols)
        columns["source"] = np.full(symbols * len(listed), "benchmark")
        yield pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


def instruments(ids: Iterable[str]) -> pa.Table:
    """A row for each of them, listed on the first day."""
    rows = [{"order_book_id": one, "valid_from": FIRST, "listed_date": FIRST, "source": "benchmark"} for one in ids]
    return pa.Table.from_pylist(rows, schema=dictionary.get("instruments").arrow)


def judge(lake: MarketLake, known: list[date], days: int) -> None:
    """Examine the bars of the last `days` of the known sessions as a run does, and have them pass the gate."""
    window = Window(known[-days], known[-1], known)
    examine(
        cast(OpContext, _Judge(lake, known, lake.folder.parent)),
        window,
        symbols=None,
        min_coverage=MIN_COVERAGE,
        policies=Policies(),
    )


@dataclass
class _Judge:
    """As much of a run's context as the examination asks."""

    lake: MarketLake
    known: list[date]
    data_dir: Path
    run_id: str = "benchmark"
    job: str = "benchmark"
    node: str = "judge"
    trade_date: date | None = None

    def now(self) -> datetime:
        """The present instant."""
        return clock.now()

    @property
    def log(self) -> "_Judge":
        """Itself: what is said is not what is measured."""
        return self

    def sessions(self, calendar: str) -> list[date]:
        """The same for every exchange."""
        return self.known

    def metric(self, name: str, value: object) -> None:
        """Nor what is counted."""

    def warning(self, message: str, **fields: object) -> None:
        """As a log takes it."""


class _Walk:
    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self._rng = rng
        self._size = size
        self._last: npt.NDArray[Any] = np.round(rng.uniform(5, 50, size), 2)
        self._factor = np.ones(size)

    def day(self) -> dict[str, npt.NDArray[Any]]:
        rng, size = self._rng, self._size
        cut = np.where(rng.random(size) < 0.003, 0.98, 1.0)
        self._factor = self._factor / cut
        suspended = rng.random(size) < 0.005
        previous = np.round(self._last * cut, 2)
        close = np.round(np.maximum(previous * np.exp(rng.normal(0, 0.02, size)), 1), 2)
        close = np.where(suspended, previous, close)
        self._last = close
        high = np.round(np.maximum(close, previous) * (1 + rng.uniform(0, 0.01, size)), 2)
        low = np.round(np.minimum(close, previous) * (1 - rng.uniform(0, 0.01, size)), 2)
        volume = np.where(suspended, 0, np.round(np.exp(rng.normal(15, 1, size))))
        prices: dict[str, npt.NDArray[Any]] = {"open": previous, "high": high, "low": low, "close": close}
        return {
            **{name: np.where(suspended, np.nan, values) for name, values in prices.items()},
            "prev_close": previous,
            "volume": volume.astype(np.int64),
            "total_turnover": np.round(volume * (high + low) / 2, 2),
            "turnover_rate": np.round(volume / 1e9, 6),
            "adj_factor": self._factor,
            "split_factor": np.ones(size),
            "limit_up": np.round(previous * 1.1, 2),
            "limit_down": np.round(previous * 0.9, 2),
            "is_suspended": suspended,
            "is_st": np.zeros(size, dtype=bool),
        }
