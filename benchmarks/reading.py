"""One instrument, all years and all columns, through the views of `market.duckdb`, and all rows of a day.

    python -m benchmarks.reading --symbols 5000 --days 2430

Each question is asked by a fresh process, as a notebook asks it, over a lake in the page cache.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import duckdb

from app.stocks.indicators import calculate as indicators
from app.stocks.lake.market_lake import MarketLake
from app.stocks.scoring import calculate as scores
from benchmarks.market_lake import Host, sessions, tables
from benchmarks.running import folder

SYMBOLS, DAYS, ROUNDS = 5000, 2430, 5
MOST_SECONDS = 0.5
VIEWS = ("daily_bars", "daily_bars_pre", "daily_bars_post", "indicators", "indicators_pre", "scores")


def main() -> None:
    """Print the seconds of each view, best and median."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--symbols", type=int, default=SYMBOLS)
    options.add_argument("--days", type=int, default=DAYS)
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("part", nargs="?", choices=("make", "ask"), help=argparse.SUPPRESS)
    options.add_argument("place", nargs="?", type=Path, help=argparse.SUPPRESS)
    options.add_argument("view", nargs="?", help=argparse.SUPPRESS)
    options.add_argument("one", nargs="?", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.part == "make":
        print(json.dumps(_make(given.place, given.symbols, given.days)))
    elif given.part == "ask":
        print(json.dumps(_ask(given.place, given.view, given.one)))
    else:
        with folder() as place:
            _measure(place, given.symbols, given.days, given.rounds)


def _measure(place: Path, symbols: int, days: int, rounds: int) -> None:
    def run(*part: str) -> str:
        command = [sys.executable, "-m", "benchmarks.reading", "--symbols", str(symbols), "--days", str(days), *part]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    rows, one = json.loads(run("make", str(place)))
    print(f"{rows:,} rows of {symbols:,} instruments x {days:,} days")
    for view in VIEWS:
        found = sorted(json.loads(run("ask", str(place), view, one)) for _ in range(rounds))
        seconds = [each[0] for each in found]
        print(f"{view}: {found[0][1]:,} rows in {seconds[0]:.3f} s, median {seconds[len(seconds) // 2]:.3f} (< {MOST_SECONDS})")


def _make(place: Path, symbols: int, days: int) -> tuple[int, str]:
    """The lake's rows, and an instrument from its middle."""
    host = Host(place)
    lake = MarketLake(host)
    rows = sum(lake.stage("daily_bars", table).rows or 0 for table in tables(symbols, sessions(days)))
    host.publish(lake)
    lake = MarketLake(host)
    indicators.calculate(lake)
    scores.calculate(lake, sessions(days + 1))
    host.publish(lake)
    known = sorted(lake.symbols("daily_bars"))
    return rows, known[len(known) // 2]


def _ask(place: Path, view: str, one: str) -> tuple[float, int]:
    began = time.perf_counter()
    with duckdb.connect(str(place / "market.duckdb"), read_only=True) as connection:
        query = f"SELECT * FROM {view} WHERE order_book_id = '{one}' ORDER BY trade_date"
        rows = connection.execute(query).to_arrow_table().num_rows
        return time.perf_counter() - began, rows


if __name__ == "__main__":
    main()
