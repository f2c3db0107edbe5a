"""A year of bars of minutes, checked and made longer: `python -m benchmarks.minutes`.

300 instruments x 243 sessions x 240 minutes (17 million rows) from the lake to the lake, in a fresh process whose peak memory
counts: every bar against its day, its minutes and its daily bar; then bars of 5, 15, 30 and 60 minutes kept beside them.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.compute as pc

from app.stocks import bar_keys, calendar, exchanges
from app.stocks.intake.window import Window
from app.stocks.intraday import intake
from app.stocks.intraday.reading import blocks
from app.stocks.intraday.screen import screen
from app.stocks.lake.market_lake import MarketLake
from app.stocks.sources import Data
from app.stocks.sources.simulated import Dirt, Simulated, intraday
from app.stocks.sources.simulated.universe import Universe
from benchmarks.market_lake import Host
from benchmarks.running import folder

SYMBOLS, SESSIONS = 325, 243
"""Of so many simulated names 300 are listed and trade."""
MOST_BYTES = 3e9
TO = ("5m", "15m", "30m", "60m")
_LAST = date(2026, 11, 20)


def main() -> None:
    """Print rows, seconds and peak memory."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--symbols", type=int, default=SYMBOLS)
    options.add_argument("--sessions", type=int, default=SESSIONS)
    options.add_argument("part", nargs="?", choices=PARTS, help=argparse.SUPPRESS)
    options.add_argument("place", nargs="?", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.part:
        print(json.dumps(PARTS[given.part](given.place, given.symbols, given.sessions)))
        return
    with folder() as place:
        for part in PARTS:
            size = ["--symbols", str(given.symbols), "--sessions", str(given.sessions)]
            command = [sys.executable, "-m", "benchmarks.minutes", *size, part, str(place)]
            print(part, subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


def _sessions() -> list[date]:
    return list(exchanges.library()[0].sessions)


def _window(known: list[date], sessions: int) -> Window:
    return Window(calendar.back(known, _LAST, sessions), _LAST, known)


def _make(place: Path, symbols: int, sessions: int) -> dict[str, float]:
    """Daily bars and their minutes, month by month, published."""
    known = _sessions()
    now = datetime(2026, 11, 23, tzinfo=UTC)
    source, universe = Simulated(known, now, symbols=symbols, dirt=Dirt.none()), Universe.of_size(0, symbols)
    host = Host(place)
    lake = MarketLake(host)
    rows = 0
    for month in _window(known, sessions).months():
        answer = source.daily_bars(None, month.start, month.end)
        assert isinstance(answer, Data)
        daily = answer.table
        lake.stage("daily_bars", daily)
        traded = daily.filter(pc.invert(daily.column("is_suspended")))
        numbers = universe.numbers[bar_keys.places(universe.ids, traded)]
        rows += lake.stage("intraday_bars", intraday.table(1, numbers, traded, "1m", "benchmark")).rows or 0
    host.publish(lake)
    return {"rows": rows}


def _check(place: Path, _: int, sessions: int) -> dict[str, float]:
    """Every bar by itself, its day's count, and the day's sums."""
    lake, known = MarketLake(Host(place)), _sessions()
    began, rows, kept_out = time.perf_counter(), 0, 0
    for bars in blocks(lake, "1m"):
        found = screen(bars.table, "1m", known)
        rows, kept_out = rows + len(bars.code), kept_out + found.kept_out.num_rows
    report = intake.judge(lake, "1m", _window(known, sessions), None)
    failed = float(sum(report.failed.values()) + kept_out)
    return {"rows": rows, "failed": failed, "seconds": time.perf_counter() - began, "gigabytes": _peak()}


def _aggregate(place: Path, _: int, __: int) -> dict[str, float]:
    """All longer bars, staged and published."""
    host = Host(place)
    lake = MarketLake(host)
    began = time.perf_counter()
    rows = intake.lengthen(lake, "1m", TO, None, None, None)
    host.publish(lake)
    return {"rows": rows, "seconds": time.perf_counter() - began, "gigabytes": _peak()}


def _peak() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    if peak > MOST_BYTES:
        raise SystemExit(f"peak memory {peak / 1e9:.2f} GB: at most {MOST_BYTES / 1e9:.0f} GB was promised")
    return round(peak / 1e9, 3)


PARTS: dict[str, Callable[[Path, int, int], dict[str, float]]] = {"make": _make, "check": _check, "aggregate": _aggregate}

if __name__ == "__main__":
    main()
