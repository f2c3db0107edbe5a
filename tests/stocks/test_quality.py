"""Every kind of dirt is found, nothing else is, and no delivered row is lost on the way."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from app.stocks import gaps
from app.stocks.quality import gate, screen
from app.stocks.quality.panel import Panel
from app.stocks.quality.policies import Policies
from app.stocks.quality.report import CHECKS, Report
from app.stocks.quality.screen import Screened
from app.stocks.sources import Data
from app.stocks.sources.simulated import Dirt, Simulated

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
START, END = date(2025, 1, 2), date(2025, 12, 31)
FOUND_BY = {"duplicate": "duplicates", "conflict": "duplicates", "swapped": "ohlc", "negative": "positive", "lots": "vwap"}
Row = dict[str, Any]
Edit = Callable[[Row], Row]


@pytest.fixture(scope="module")
def dirty(sessions: list[date]) -> Simulated:
    much = Dirt(lost=0.004, duplicate=0.004, conflict=0.002, swapped=0.002, negative=0.002, lots=0.002)
    return Simulated(sessions, NOW, symbols=100, dirt=much)


@pytest.fixture(scope="module")
def delivery(dirty: Simulated) -> pa.Table:
    answer = dirty.daily_bars(None, START, END)
    assert isinstance(answer, Data)
    return answer.table


@pytest.fixture(scope="module")
def screened(delivery: pa.Table, sessions: list[date]) -> Screened:
    return screen.screen(delivery, sessions)


def keys(table: pa.Table) -> set[tuple[str, date]]:
    return set(zip(table.column("order_book_id").to_pylist(), table.column("trade_date").to_pylist(), strict=True))


def test_every_error_is_kept_out_by_its_check_and_nothing_else_is(dirty: Simulated, screened: Screened) -> None:
    expected = {
        (row["order_book_id"], row["trade_date"], FOUND_BY[row["kind"]])
        for row in dirty.dirt(None, START, END).to_pylist()
        if row["kind"] != "lost"
    }
    found = {(row["order_book_id"], row["trade_date"], row["check"]) for row in screened.kept_out.to_pylist()}
    assert found == expected
    assert {check for *_, check in found} == set(FOUND_BY.values())


def test_rows_and_rows_kept_out_are_the_delivery(delivery: pa.Table, screened: Screened) -> None:
    assert screened.rows.num_rows + screened.kept_out_rows == delivery.num_rows
    assert len(keys(screened.rows)) == screened.rows.num_rows


def test_of_equal_rows_one_passes_and_of_contradicting_ones_none(dirty: Simulated, screened: Screened) -> None:
    errors = dirty.dirt(None, START, END).to_pylist()
    passed = keys(screened.rows)
    assert all((row["order_book_id"], row["trade_date"]) in passed for row in errors if row["kind"] == "duplicate")
    assert not any((row["order_book_id"], row["trade_date"]) in passed for row in errors if row["kind"] == "conflict")
    reasons = {row["reason"] for row in screened.kept_out.to_pylist() if row["check"] == "duplicates"}
    assert reasons == {"the same row once more", "2 rows for one day differ in volume"}


def test_lost_rows_are_missing_and_suspended_ones_are_not(dirty: Simulated, screened: Screened, sessions: list[date]) -> None:
    instruments = dirty.instruments()
    assert isinstance(instruments, Data)
    days = [day for day in sessions if START <= day <= END]
    grid = gaps.grid(gaps.Roll.of(instruments.table), screened.rows, days)
    missing = grid.cells(grid.missing)
    rested = keys(gaps.suspensions(screened.rows, missing, sessions))
    gone = {
        (row["order_book_id"], row["trade_date"])
        for row in dirty.dirt(None, START, END).to_pylist()
        if row["kind"] in ("lost", "conflict", "swapped", "negative", "lots")
    }
    cleaner = Simulated(sessions, NOW, symbols=100, dirt=Dirt.none()).daily_bars(None, START, END)
    assert isinstance(cleaner, Data)
    unwritten = keys(missing) - keys(cleaner.table)
    assert keys(missing) - unwritten == gone
    assert unwritten, "some suspensions leave no rows"
    # A price that did not move on a lost day looks like a rest: a few in a hundred.
    mistaken = rested & gone
    assert len(mistaken) <= 0.08 * len(gone)
    # A rest is only told by a row that follows, and not where a lost row stands beside it.
    assert len(rested & unwritten) >= 0.7 * len(unwritten)


def bars(sessions: list[date], edit: Callable[[int, Row], Row | None] = lambda _, row: row, count: int = 8) -> pa.Table:
    """Eight quiet days of 600000.XSHG from 2026-01-05, each row changed by `edit(nth, row)`; None leaves it out."""
    days = [day for day in sessions if day >= date(2026, 1, 5)][:count]
    rows = [
        edit(
            at,
            {
                "order_book_id": "600000.XSHG", "trade_date": day, "open": (100 + at) / 10, "high": (102 + at) / 10,
                "low": (99 + at) / 10, "close": (101 + at) / 10, "prev_close": (100 + at) / 10, "volume": 1000 + at,
                "total_turnover": (1000 + at) * (10.05 + at / 10), "adj_factor": 1.0, "limit_up": None, "limit_down": None,
                "is_suspended": False, "is_st": False, "source": "files",
            },
        )
        for at, day in enumerate(days)
    ]  # fmt: skip
    schema = screen.dictionary.get("daily_bars").arrow
    return pa.Table.from_pylist([row for row in rows if row is not None], schema=schema)


def on(nth: int, **values: Any) -> Callable[[int, Row], Row | None]:
    return lambda at, row: {**row, **values} if at == nth else row


@pytest.mark.parametrize(
    ("check", "values", "words"),
    [
        ("instrument", {"order_book_id": "900901.XSHG"}, "a B-share, traded in USD"),
        ("instrument", {"order_book_id": "200011.XSHE"}, "a B-share, traded in HKD"),
        ("instrument", {"order_book_id": "000300.XSHG"}, "is no A-share"),
        ("session", {"trade_date": date(2026, 1, 10)}, "2026-01-10 is no trading day"),
        ("nulls", {"open": None, "close": None}, "has no open, close"),
        ("positive", {"low": 0.0}, "low is 0"),
        ("positive", {"prev_close": -1.0}, "prev_close is -1"),
        ("positive", {"high": float("inf")}, "high is inf"),
        ("ohlc", {"high": 9.0}, "high 9"),
        ("volume", {"volume": 0}, "volume is 0"),
        ("volume", {"volume": None}, "volume is nan"),
        ("vwap", {"volume": 10}, "volume in lots of 100?"),
    ],
)
def test_a_row_that_cannot_be_true_is_kept_out(sessions: list[date], check: str, values: Row, words: str) -> None:
    found = screen.screen(bars(sessions, on(3, **values)), sessions)
    (row,) = found.kept_out.to_pylist()
    assert (row["check"], row["dataset"], row["occurrences"]) == (check, "daily_bars", 1)
    assert words in row["reason"]
    assert found.rows.num_rows == 7


@pytest.mark.parametrize(
    ("check", "values", "words"),
    [
        ("prev_close", {"prev_close": 10.29}, "prev_close is 10.29, but the last close after factors is 10.3000"),
        ("limits", {"high": 11.50}, "beyond the limits 9.27..11.33"),
        ("limits", {"limit_up": 10.3, "limit_down": 9.0}, "beyond the limits 9..10.3"),
        ("jumps", {"prev_close": None, "close": 11.60, "high": 11.60}, "closes at 11.6 after 10.3 (+12.6%; the limit was 10 %)"),
        ("stale", {"open": 10.2, "high": 10.4, "low": 10.1, "close": 10.3, "volume": 1002}, "repeats"),
    ],
)
def test_a_row_at_odds_with_the_days_before_is_named(sessions: list[date], check: str, values: Row, words: str) -> None:
    report = Report.begin(date(2026, 1, 5), date(2026, 1, 14))
    report.examine(Panel.of(bars(sessions, on(3, **values)), sessions))
    verdict = report.verdicts[check]
    assert verdict.failed == 1
    assert words in verdict.examples[0]["detail"]
    assert verdict.examples[0]["trade_date"] == "2026-01-08"
    assert report.score < 1


def test_a_quiet_market_fails_nothing(sessions: list[date]) -> None:
    report = Report.begin(date(2026, 1, 5), date(2026, 1, 14))
    report.examine(Panel.of(bars(sessions), sessions))
    assert [one.check for one in report.verdicts.values() if one.failed] == []
    assert report.score == 1
    assert report.verdicts["prev_close"].checked == 7


def test_after_a_lost_day_nobody_knows_the_last_close(sessions: list[date]) -> None:
    report = Report.begin(date(2026, 1, 5), date(2026, 1, 14))
    report.examine(Panel.of(bars(sessions, lambda at, row: None if at == 3 else row), sessions))
    assert (report.verdicts["prev_close"].checked, report.verdicts["prev_close"].failed) == (5, 0)


def test_a_suspended_day_does_not_break_the_chain(sessions: list[date]) -> None:
    nothing = dict.fromkeys(("open", "high", "low", "close", "prev_close"))
    table = bars(sessions, lambda at, row: row | nothing | {"is_suspended": True, "volume": 0} if at == 3 else row)
    report = Report.begin(date(2026, 1, 5), date(2026, 1, 14))
    report.examine(Panel.of(table, sessions))
    # The row after it resumes a tenth above the last close.
    assert (report.verdicts["prev_close"].checked, report.verdicts["prev_close"].failed) == (6, 1)


def test_a_factor_explains_a_cut_price(sessions: list[date]) -> None:
    def ex_date(at: int, row: Row) -> Row:
        half = {name: row[name] / 2 for name in ("open", "high", "low", "close", "prev_close")}
        return {**row, **half, "volume": row["volume"] * 2, "adj_factor": 2.0} if at >= 4 else row

    report = Report.begin(date(2026, 1, 5), date(2026, 1, 14))
    report.examine(Panel.of(bars(sessions, ex_date), sessions))
    assert [one.check for one in report.verdicts.values() if one.failed] == []


def test_rows_before_the_judged_days_give_a_past_and_are_not_judged(sessions: list[date]) -> None:
    table = bars(sessions, on(2, prev_close=1.0))
    report = Report.begin(date(2026, 1, 8), date(2026, 1, 14))
    panel = Panel.of(table, sessions, since=date(2026, 1, 8))
    report.examine(panel)
    assert report.examined == 5
    assert report.verdicts["prev_close"].checked == 5
    assert report.verdicts["prev_close"].failed == 0


def test_judging_year_by_year_comes_to_the_same(dirty: Simulated, screened: Screened, sessions: list[date]) -> None:
    whole, parts = (Report.begin(START, END) for _ in range(2))
    whole.examine(Panel.of(screened.rows, sessions))
    rows, past = screened.rows, screened.rows.slice(0, 0)
    for first, last in ((START, date(2025, 4, 30)), (date(2025, 5, 1), date(2025, 9, 30)), (date(2025, 10, 1), END)):
        days = rows.column("trade_date")
        part = rows.filter(pa.compute.and_(pa.compute.greater_equal(days, first), pa.compute.less_equal(days, last)))
        panel = Panel.of(pa.concat_tables([past, part]), sessions, since=first)
        parts.examine(panel)
        past = panel.tail()
    counts = [{name: (one.checked, one.failed) for name, one in report.verdicts.items()} for report in (whole, parts)]
    assert counts[0] == counts[1]


def report_of(missing: int, expected: int, newest: tuple[int, int] = (0, 0)) -> Report:
    report = Report.begin(START, END)
    report.verdicts["completeness"].checked, report.verdicts["completeness"].failed = expected, missing
    # Each missing row is another instrument's.
    report.expected_names, report.missing_names = ({str(n) for n in range(count)} for count in (expected, missing))
    report.newest = newest
    return report


@pytest.mark.parametrize(
    ("missing", "expected", "passes"),
    [(0, 0, True), (5, 1000, True), (6, 1000, False), (1, 50, True), (2, 50, False), (2, 300, True), (3, 300, False)],
)
def test_the_gate_opens_for_coverage_rounded_up_to_a_row(missing: int, expected: int, passes: bool) -> None:
    assert (gate.refusals(report_of(missing, expected)) == []) is passes


@pytest.mark.parametrize(
    ("silent", "names", "missing", "passes"),
    [(1, 50, 60, True), (2, 50, 60, False), (1, 1, 60, False), (1, 2, 60, True), (25, 5000, 1500, True), (26, 5000, 1501, False)],
)
def test_a_name_that_says_nothing_for_weeks_does_not_stop_the_others(silent: int, names: int, missing: int, passes: bool) -> None:
    report = report_of(missing, 60 * names)
    report.expected_names, report.missing_names = ({str(n) for n in range(count)} for count in (names, silent))
    assert (gate.refusals(report) == []) is passes


def test_many_good_days_do_not_hide_half_a_delivery() -> None:
    (refusal,) = gate.refusals(report_of(150, 100_000, newest=(300, 150)))
    assert refusal.startswith("150 of 300 expected rows of 2025-12-31 are missing")
    with pytest.raises(gate.QualityGate) as failure:
        gate.pass_gate(gate.refusals(report_of(150, 100_000, newest=(300, 150))))
    assert failure.value.reason == "quality_gate"
    report = Report.begin(START, END)
    missing = np.zeros((20, 100), dtype=bool)
    missing[:7, -1] = True
    for year in (missing[:, :50], missing[:, 50:]):
        ids = [f"{at:06d}.XSHE" for at in range(20)]
        report.count_missing(gaps.Grid(ids, np.arange(20_000, 20_050), np.ones_like(year), ~year))
    assert (report.expected, report.missing, report.newest) == (2000, 7, (20, 7))
    assert "7 of 20 expected rows of 2025-12-31 are missing" in gate.refusals(report)[0]
    assert report.verdicts["completeness"].examples[0]["detail"].startswith("7 missing: 000000.XSHE")


def test_a_row_in_the_lake_that_should_have_been_kept_out_blocks(sessions: list[date]) -> None:
    report = Report.begin(date(2026, 1, 5), date(2026, 1, 14))
    report.examine(Panel.of(bars(sessions, on(3, low=10.42)), sessions))
    (refusal,) = gate.refusals(report)
    assert refusal.startswith("1 rows in the lake fail ohlc (such as 600000.XSHG 2026-01-08:")


def test_any_check_can_be_made_to_block(sessions: list[date]) -> None:
    for policies, refusals in ((Policies(), 0), (Policies(stale="block"), 0), (Policies(prev_close="block"), 1)):
        report = Report.begin(date(2026, 1, 5), date(2026, 1, 14), policies)
        report.examine(Panel.of(bars(sessions, on(3, prev_close=10.2)), sessions))
        assert len(gate.refusals(report)) == refusals


def test_checks_bear_names_of_their_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_a_delivery_that_is_mostly_bad_fails_at_once(delivery: pa.Table, sessions: list[date]) -> None:
    lots = delivery.set_column(delivery.column_names.index("volume"), "volume", pa.compute.divide(delivery.column("volume"), 100))
    with pytest.raises(gate.QualityGate, match=r"rows are bad, such as .* volume in lots of 100\?"):
        screen.screen(lots, sessions)
