"""The ops that load, complete and validate: incremental, idempotent, and nothing unfit is published."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.compute as pc
import pytest

from app.errors import Invalid
from app.stocks import bar_keys
from app.stocks.ops.complete import complete_data
from app.stocks.ops.load import load_market_data
from tests.stocks.bar_files import row, write
from tests.stocks.op_context import Bench
from tests.stocks.runs import bars, go, kept_out

SMALL = {"simulated_symbols": 20, "simulated_years": 1}
NEXT_DAY = datetime(2026, 11, 24, 12, tzinfo=UTC)
MakeBench = Callable[..., Bench]


@pytest.mark.parametrize("validate", [False, True])
def test_a_second_run_publishes_nothing(bench: MakeBench, validate: bool) -> None:
    there = bench(**SMALL)
    first, outcome = go(there, validate=validate)
    assert outcome == "published"
    facts = there.host.states[-1]["datasets"]["daily_bars"]
    assert 0.999 < (facts["quality"] or 0) <= 1
    assert facts["facts"]["source"] == "simulated"
    assert facts["facts"]["adjusted"] is True
    assert facts["facts"]["checked_to"] == "2026-11-23"
    second, outcome = go(there, validate=validate)
    assert outcome == "unchanged"
    assert first.metrics["fetched_rows"] > 4000 or not validate
    assert second.lake.staged() == []


def test_a_new_day_adds_its_rows_and_touches_no_other(bench: MakeBench) -> None:
    there = bench(**SMALL)
    go(there)
    before = bars(there)
    _, outcome = go(there, facts={"at": NEXT_DAY})
    assert outcome == "published"
    after = bars(there)
    old = bar_keys.among(after, before)
    assert after.filter(old).equals(before)
    assert pc.unique(after.filter(pc.invert(old)).column("trade_date")).to_pylist() == [date(2026, 11, 24)]


def test_day_by_day_comes_to_the_same_as_at_once(bench: MakeBench, tmp_path: Path, sessions: list[date]) -> None:
    there = bench(**SMALL)
    days = [day for day in sessions if date(2026, 10, 21) <= day <= date(2026, 10, 30)]
    for day in days:
        go(there, facts={"trade_date": day, "at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC)})
    at_once = Bench(tmp_path / "other", sessions, datetime(2026, 10, 30, 12, tzinfo=UTC), SMALL)
    go(at_once, start_date=days[0], end_date=days[-1])
    one, other = (bars(each, start=days[0]).drop_columns("source") for each in (there, at_once))
    assert one.equals(other)


def test_a_trade_date_is_that_day_alone_until_completion_looks_back(bench: MakeBench) -> None:
    there = bench(**SMALL)
    day = {"trade_date": date(2026, 11, 20)}
    go(there, validate=True, facts=day)
    assert pc.unique(bars(there).column("trade_date")).to_pylist() == [date(2026, 11, 20)]
    go(there, validate=True, facts=day, days=5)
    assert len(pc.unique(bars(there).column("trade_date"))) == 5
    go(there, facts=day)
    assert len(pc.unique(bars(there).column("trade_date"))) == 60


def test_days_beyond_the_data_are_cut_with_a_warning(bench: MakeBench) -> None:
    there = bench(**SMALL)
    context, _ = go(there, validate=True, start_date=date(2026, 11, 2), end_date=date(2026, 12, 15))
    assert max(bars(there).column("trade_date").to_pylist()) == date(2026, 11, 23)
    assert ("warning", "the data end before the days asked for") in [line[:2] for line in context.log.lines]


def test_past_the_calendar_s_horizon_it_reaches_the_last_session_and_says_so(bench: MakeBench) -> None:
    there = bench(**SMALL, at=datetime(2027, 1, 4, 12, tzinfo=UTC))
    context, outcome = go(there)
    assert outcome == "published"
    assert max(bars(there).column("trade_date").to_pylist()) == date(2026, 12, 31)
    assert ("warning", "the calendar has ended: nothing is known after its horizon") in [line[:2] for line in context.log.lines]


def test_symbols_narrow_what_is_fetched_and_the_rest_comes_later(bench: MakeBench) -> None:
    there = bench(**SMALL)
    go(there, symbols=["600000.SIM", "300001.SIM"])
    assert set(bars(there).column("order_book_id").to_pylist()) == {"600000.SIM", "300001.SIM"}
    narrow = bars(there)
    go(there)
    whole = bars(there)
    assert len(pc.unique(whole.column("order_book_id"))) > 15
    assert whole.filter(bar_keys.among(whole, narrow)).equals(narrow)
    with pytest.raises(Invalid, match=r"there is no instrument '600000.XSHG'; did you mean '600000.SIM'\?"):
        go(there, symbols=["600000.XSHG"])


def test_history_is_extended_backwards(bench: MakeBench) -> None:
    there = bench(**SMALL)
    go(there, start_date=date(2026, 10, 9), end_date=date(2026, 11, 23))
    go(there)
    assert min(bars(there).column("trade_date").to_pylist()) == date(2026, 1, 5)


def test_completion_fetches_what_never_came_and_nothing_else(bench: MakeBench, tmp_path: Path) -> None:
    days = ["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"]
    rows = [row(day, one, prev_close=10.1, adj_factor=1.0) for day in days for one in ("600000.XSHG", "000001.XSHE")]
    # Wrong reference prices on the days after: the two lost days can have been no rests.
    wrong = [one | {"prev_close": 9.0} for at, one in enumerate(rows) if at not in (3, 7)]
    path = write(tmp_path / "bars.csv", wrong)
    there = bench(source="files", files_path=str(path))
    context = there.run()
    complete_data(context, load_market_data(context), min_coverage=0.5)
    there.publish(context)
    assert context.metrics["missing_rows"] == 2
    write(path, rows)
    context, outcome = go(there)
    assert (outcome, context.metrics["missing_rows"], context.metrics["fetched_rows"]) == ("published", 0, 2)
    between = bars(there, start=date(2026, 11, 17), end=date(2026, 11, 19), symbols=["000001.XSHE"])
    assert between.column("prev_close").to_pylist() == [10.1, 9.0, 10.1]


def test_days_that_are_not_over_are_not_taken(bench: MakeBench, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", [row(f"2026-11-{day}") for day in (19, 20, 23, 24)])
    there = bench(source="files", files_path=str(path), at=datetime(2026, 11, 23, 6, 59, tzinfo=UTC))
    go(there, validate=True)
    assert max(bars(there).column("trade_date").to_pylist()) == date(2026, 11, 20)
    go(there, validate=True, facts={"at": datetime(2026, 11, 23, 7, tzinfo=UTC)})
    assert max(bars(there).column("trade_date").to_pylist()) == date(2026, 11, 23)


def test_refetch_replaces_what_the_source_corrected(bench: MakeBench, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", [row("2026-11-19"), row("2026-11-20")])
    there = bench(source="files", files_path=str(path))
    go(there)
    write(path, [row("2026-11-19", close=10.15), row("2026-11-20")])
    assert go(there)[1] == "unchanged"
    assert go(there, refetch=True)[1] == "published"
    assert bars(there).column("close").to_pylist() == [10.15, 10.1]
    assert go(there, refetch=True)[1] == "unchanged"


def test_a_file_s_rows_are_in_the_lake_or_in_quarantine(bench: MakeBench, tmp_path: Path) -> None:
    days = [f"2026-11-{day}" for day in (16, 17, 18, 19, 20)]
    good = [row(day, f"60{number:04d}.XSHG") for day in days for number in range(40)]
    bad = [
        row(days[0], "600000.XSHG"), row(days[0], "600000.XSHG"),
        row(days[1], "600001.XSHG", volume=7), row(days[2], "688001.XSHG", low=11.0), row(days[2], "688001.XSHG", low=11.0),
        row(days[3], "900901.XSHG"), row("2026-11-21", "600002.XSHG"),
    ]  # fmt: skip
    path = write(tmp_path / "bars.csv", good + bad)
    there = bench(source="files", files_path=str(path))
    go(there)
    rows = bars(there)
    assert rows.num_rows + kept_out(there) == len(good) + len(bad)
    assert rows.num_rows == len(good) - 1
    entries = there.run().lake.read("quarantine").to_pylist()
    assert sorted((one["order_book_id"], one["check"], one["occurrences"]) for one in entries) == [
        ("600000.XSHG", "duplicates", 2),
        ("600001.XSHG", "duplicates", 1),
        ("600001.XSHG", "duplicates", 1),
        ("600002.XSHG", "session", 1),
        ("688001.XSHG", "ohlc", 2),
        ("900901.XSHG", "instrument", 1),
    ]
    assert go(there)[1] == "unchanged"


def test_strangers_of_a_new_day_are_kept_out_too(bench: MakeBench, tmp_path: Path) -> None:
    days = ["2026-11-19", "2026-11-20"]
    path = write(tmp_path / "bars.csv", [row(days[0]), row(days[0], "900901.XSHG")])
    there = bench(source="files", files_path=str(path))
    go(there)
    write(path, [row(day, one) for day in days for one in ("600000.XSHG", "900901.XSHG")])
    go(there)
    assert (bars(there).num_rows, kept_out(there)) == (2, 2)


def test_an_end_alone_means_all_history_up_to_it(bench: MakeBench) -> None:
    there = bench(**SMALL)
    go(there, validate=True, end_date=date(2026, 2, 27))
    days = bars(there).column("trade_date").to_pylist()
    assert (min(days), max(days)) == (date(2026, 1, 5), date(2026, 2, 27))


def test_history_start_bounds_everything(bench: MakeBench, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", [row(f"2026-11-{day}") for day in (16, 17, 18, 19)])
    there = bench(source="files", files_path=str(path), history_start=date(2026, 11, 18))
    go(there, start_date=date(2026, 11, 2), end_date=date(2026, 11, 19))
    assert bars(there).column("trade_date").to_pylist() == [date(2026, 11, 18), date(2026, 11, 19)]


def test_fundamentals_come_with_the_bars_of_their_days(bench: MakeBench, tmp_path: Path) -> None:
    there = bench(**SMALL)
    go(there)
    rows = there.run().lake.read("fundamentals")
    # A report from before the first bar is in force on it.
    assert min(rows.column("trade_date").to_pylist()) < date(2026, 1, 5)
    other = Bench(tmp_path / "other", there.known, there.at, {"source": "files"})
    given = [row("2026-11-19", pe_ttm=10), row("2026-11-19", pe_ttm=10), row("2026-11-20", pe_ttm=12.5)]
    other.settings["files_path"] = str(write(tmp_path / "bars.csv", given))
    go(other)
    assert other.run().lake.read("fundamentals").column("earnings_yield").to_pylist() == [0.1, 0.08]
    assert go(other)[1] == "unchanged"


def test_no_symbols_are_no_work(bench: MakeBench) -> None:
    context = bench(**SMALL).run()
    assert load_market_data(context, symbols=[]).rows == 0
