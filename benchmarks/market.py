"""Gates, indicators and scores of a whole market from lake to lake: `python -m benchmarks.market`.

5,000 instruments x 2,430 days (12 million rows), then one new day from the staging of its rows until readers see it, each in a
fresh process. Held against what the same machine
needs to move the same bytes: pyarrow on one thread reading the input columns and writing the same output frames with the same
writer settings, one after the other, alternating with the runs.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.stocks import dictionary
from app.stocks.indicators import calculate as indicators
from app.stocks.indicators import prices
from app.stocks.lake.market_lake import MarketLake
from app.stocks.lake.parquet import ROWS_PER_GROUP, settings
from app.stocks.scoring import calculate as scores
from app.stocks.scoring.month import FROM_BARS
from benchmarks.market_lake import Host, instruments, judge, sessions, tables
from benchmarks.running import folder

SYMBOLS, DAYS = 5000, 2430
ROUNDS = 3
MOST_RATIO, MOST_BYTES, MOST_DAY_SECONDS = 2.5, 4e9, 4.0


def main() -> None:
    """Print seconds, peak memory and ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--symbols", type=int, default=SYMBOLS)
    options.add_argument("--days", type=int, default=DAYS)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("part", nargs="?", choices=PARTS, help=argparse.SUPPRESS)
    options.add_argument("place", nargs="?", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.part:
        print(json.dumps(PARTS[given.part](given.place, given.symbols, given.days)))
        return
    with folder() as place:
        _measure(place, given.symbols, given.days, given.rounds)


def _measure(place: Path, symbols: int, days: int, rounds: int) -> None:
    def run(part: str) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.market", "--symbols", str(symbols), "--days", str(days), part, str(place)]
        answer: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        return answer

    made = run("make")
    print(f"{made['rows']:,.0f} rows of {symbols:,} instruments x {days:,} days")
    whole = [run("whole")]
    floor = [run("floor")]
    for _ in range(rounds - 1):
        whole.append(run("whole"))
        floor.append(run("floor"))
    day = [run("day") for _ in range(rounds)]
    best, bare = min(each["seconds"] for each in whole), min(each["seconds"] for each in floor)
    ratios = sorted(one["seconds"] / other["seconds"] for one, other in zip(whole, floor, strict=True))
    for each in whole:
        parts = ", ".join(f"{each[name]:.1f} {name}" for name in ("gates", "indicators", "scores"))
        print(f"lake -> lake: {each['seconds']:.1f} s ({parts}; {each['cpu']:.1f} s of CPU)")
    for each in floor:
        parts = f"{each['read']:.1f} read, {each['write']:.1f} write; {each['cpu']:.1f} s of CPU"
        print(f"pyarrow, one thread: {each['seconds']:.1f} s ({parts})")
    peak = max(each["bytes"] for each in whole)
    print(f"ratio to pyarrow: {best / bare:.2f} best to best, {ratios[0]:.2f}-{ratios[-1]:.2f} side by side (<= {MOST_RATIO})")
    print(f"peak memory: {peak / 1e9:.2f} GB (< {MOST_BYTES / 1e9:.0f})")
    fastest = min(day, key=lambda each: each["seconds"])
    parts = ", ".join(f"{fastest[name]:.2f} {name}" for name in ("stage", "gates", "indicators", "scores", "publish"))
    wanted = f"ratio to {MOST_DAY_SECONDS:.0f} s: {fastest['seconds'] / MOST_DAY_SECONDS:.2f}"
    print(f"one new day: {fastest['seconds']:.2f} s ({parts}), {wanted}")


def _make(place: Path, symbols: int, days: int) -> dict[str, float]:
    """A lake of bars, published, and the one day more beside it."""
    host = Host(place)
    lake = MarketLake(host)
    rows = 0
    for table in tables(symbols, sessions(days + 1)):
        if rows == symbols * days:
            pq.write_table(table, place / "day.parquet")
            break
        rows += lake.stage("daily_bars", table).rows or 0
    lake.stage("instruments", instruments(lake.symbols("daily_bars")))
    host.publish(lake)
    return {"rows": rows}


def _whole(place: Path, _: int, days: int) -> dict[str, float]:
    """Everything examined, indicators and scores of it, as a first run stages them; kept as the lake's second snapshot."""
    host = Host(place)
    host.forget("indicators", "scores")
    timer = _Timer()
    lake = MarketLake(host)
    with timer.of("gates"):
        judge(lake, sessions(days), days)
    with timer.of("indicators"):
        indicators.calculate(lake)
    with timer.of("scores"):
        scores.calculate(lake, sessions(days + 2))
    answer = {**timer.seconds, "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0}
    host.publish(lake)
    return answer


def _floor(place: Path, _: int, __: int) -> dict[str, float]:
    """The same bytes through pyarrow alone, month by month on one thread."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    lake = MarketLake(Host(place))
    inputs = ["order_book_id", "trade_date", *dict.fromkeys((*prices.COLUMNS, *FROM_BARS))]
    timer = _Timer()
    for file in lake.files("daily_bars"):
        with timer.of("read"):
            pq.read_table(lake.folder / file["path"], columns=inputs, use_threads=False)
    for name in ("indicators", "scores"):
        spec = dictionary.get(name)
        for file in lake.files(name):
            frame = pq.read_table(lake.folder / file["path"], use_threads=False)
            with timer.of("write"):
                pq.write_table(frame, place / "floor.parquet", row_group_size=ROWS_PER_GROUP, **settings(spec))
    return timer.seconds


def _day(place: Path, _: int, days: int) -> dict[str, float]:
    """One new day of everything: staged, calculated, scored, published, shown."""
    copy = place / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    (copy / "lake").symlink_to(place / "lake")
    shutil.copy(place / "snapshot.json", copy)
    host = Host(copy)
    table = pq.read_table(place / "day.parquet")
    timer = _Timer()
    lake = MarketLake(host)
    with timer.of("stage"):
        lake.stage("daily_bars", table)
    with timer.of("gates"):
        judge(lake, sessions(days + 1), 1)
    with timer.of("indicators"):
        found = indicators.calculate(lake)
    with timer.of("scores"):
        scores.calculate(lake, sessions(days + 2))
    with timer.of("publish"):
        host.publish(lake)
    return {**timer.seconds, "rows": found.rows}


class _Timer:
    """Seconds by name, and of all together; CPU seconds of all threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"seconds": 0.0, "cpu": 0.0}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        began, used = time.perf_counter(), time.process_time()
        yield
        took = time.perf_counter() - began
        self.seconds["cpu"] += time.process_time() - used
        self.seconds[name] = self.seconds.get(name, 0.0) + took
        self.seconds["seconds"] += took


PARTS: dict[str, Callable[[Path, int, int], dict[str, float]]] = {
    "make": _make,
    "whole": _whole,
    "floor": _floor,
    "day": _day,
}

if __name__ == "__main__":
    main()
