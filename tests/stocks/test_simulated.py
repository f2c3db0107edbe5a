"""The simulated market: a value depends on seed, name and date alone, and the market is a plausible one."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.stocks import bar_keys, dictionary
from app.stocks.instruments import BOARDS, board_of
from app.stocks.quality.panel import Panel
from app.stocks.quality.report import Report
from app.stocks.sources import Data, Empty, Health, Unavailable
from app.stocks.sources.simulated import Dirt, Simulated
from app.stocks.sources.simulated.universe import code_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIRST, LAST = date(2024, 1, 2), date(2026, 11, 23)
MUCH = Dirt(lost=0.01, duplicate=0.01, conflict=0.005, swapped=0.005, negative=0.005, lots=0.005)


def bars(source: Simulated, ids: list[str] | None = None, start: date = FIRST, end: date = LAST) -> pa.Table:
    answer = source.daily_bars(ids, start, end)
    return answer.table if isinstance(answer, Data) else pa.table({})


@pytest.fixture(scope="module")
def whole(sessions: list[date]) -> pa.Table:
    return bars(Simulated(sessions, NOW, symbols=60, dirt=MUCH))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.dates(FIRST, LAST),
    length=st.integers(0, 200),
    numbers=st.sets(st.integers(0, 59), min_size=1, max_size=8),
    size=st.sampled_from([60, 61, 500]),
    years=st.sampled_from([3, 4.5, 12]),
    hours=st.integers(0, 5000),
)
def test_any_part_of_it_is_the_same(
    whole: pa.Table, sessions: list[date], first: date, length: int, numbers: set[int], size: int, years: float, hours: int
) -> None:
    last = date.fromordinal(min(first.toordinal() + length, LAST.toordinal()))
    ids = sorted(code_of(number) for number in numbers)
    later = NOW + timedelta(hours=hours)
    part = bars(Simulated(sessions, later, symbols=size, years=years, dirt=MUCH), ids, first, last)
    day = whole.column("trade_date")
    same = whole.filter(
        pc.and_(
            pc.is_in(whole.column("order_book_id"), pa.array(ids)),
            pc.and_(pc.greater_equal(day, first), pc.less_equal(day, last)),
        )
    )
    assert part.equals(same) or part.num_rows == same.num_rows == 0, f"{ids} {first} {last} differ"


def test_another_seed_is_another_market(sessions: list[date]) -> None:
    one, other = (bars(Simulated(sessions, NOW, symbols=5, seed=seed)) for seed in (1, 2))
    assert not one.column("close").equals(other.column("close"))


def test_the_same_reports_become_known_whatever_is_asked(sessions: list[date]) -> None:
    whole = Simulated(sessions, NOW, symbols=40).fundamentals(None, date(2023, 1, 1), LAST)
    part = Simulated(sessions, NOW, symbols=90, years=9).fundamentals(
        ["600000.SIM", "300001.SIM"], date(2024, 3, 3), date(2026, 11, 1)
    )
    assert isinstance(whole, Data)
    assert isinstance(part, Data)
    inside = whole.table.filter(bar_keys.among(whole.table, part.table))
    assert part.table.equals(inside)
    assert part.table.num_rows >= 6
    keys = whole.table.select(["order_book_id", "trade_date"])
    assert keys.num_rows == keys.group_by(["order_book_id", "trade_date"]).aggregate([]).num_rows


def test_history_begins_on_a_fixed_day_and_reaches_the_last_ready_session(sessions: list[date]) -> None:
    def health(hour: int, **options: float) -> Health | Unavailable:
        return Simulated(sessions, datetime(2026, 11, 23, hour, tzinfo=UTC), symbols=3, **options).health()  # type: ignore[arg-type]

    assert health(12) == Health(date(2024, 1, 2), date(2026, 11, 23), "3 names, invented")
    # Ready at 16:00 in Shanghai, an hour after the close.
    assert health(7) == Health(date(2024, 1, 2), date(2026, 11, 20), "3 names, invented")
    assert health(12, years=10) == Health(date(2017, 1, 3), date(2026, 11, 23), "3 names, invented")
    late = Simulated(sessions, datetime(2027, 1, 4, 12, tzinfo=UTC), symbols=3).health()
    assert late == Health(date(2024, 1, 2), date(2026, 12, 31), "3 names, invented")


def test_it_answers_in_words_what_it_cannot_give(sessions: list[date]) -> None:
    source = Simulated(sessions, NOW, symbols=3)
    future = source.daily_bars(None, date(2026, 11, 24), date(2026, 11, 24))
    assert isinstance(future, Unavailable)
    assert future.reason == "not_ready"
    partly = source.daily_bars(["600000.SIM"], date(2026, 11, 20), date(2026, 11, 30))
    assert isinstance(partly, Data)
    assert partly.table.column("trade_date").to_pylist() == [date(2026, 11, 20), date(2026, 11, 23)]
    stranger = source.daily_bars(["600519.XSHG"], FIRST, LAST)
    assert isinstance(stranger, Unavailable)
    assert stranger.reason == "bad_request"
    assert isinstance(source.daily_bars(None, date(2026, 11, 21), date(2026, 11, 22)), Empty)


def test_columns_are_the_dictionary_s(sessions: list[date]) -> None:
    source = Simulated(sessions, NOW, symbols=30)
    for name in ("instruments", "daily_bars", "fundamentals"):
        answer = source.instruments() if name == "instruments" else getattr(source, name)(None, FIRST, LAST)
        assert answer.table.schema.names == list(dictionary.get(name).names)
        assert answer.table.cast(dictionary.get(name).arrow).num_rows > 0


@pytest.mark.parametrize("symbols", [300])
def test_it_looks_like_a_market(sessions: list[date], symbols: int) -> None:
    table = bars(Simulated(sessions, NOW, symbols=symbols, dirt=Dirt.none()))
    report = Report.begin(FIRST, LAST)
    panel = Panel.of(table, sessions)
    report.examine(panel)
    failed = {one.check: one.failed for one in report.verdicts.values() if one.failed}
    assert failed == {}, "a market without dirt passes every check"
    trading = ~panel.suspended
    moves = (panel.close / panel.reference - 1)[trading & panel.unbroken]
    assert 0.01 < np.std(moves) < 0.03
    at_limit = panel.close[trading] == panel.column("limit_up")[trading]
    assert 0.0005 < np.mean(at_limit) < 0.02
    assert 0.001 < np.mean(panel.suspended) < 0.02
    assert np.mean(panel.flags("is_st")) > 0.001
    assert {board_of(one) for one in panel.ids} == set(BOARDS)
    factor = panel.column("adj_factor")
    ex_dates = panel.unbroken & (factor > factor[panel.before])
    assert ex_dates.sum() > symbols
    assert (table.column("split_factor").to_numpy() > 1).any()
    rows_a_year = np.bincount(panel.code[panel.day < 20_100]).max()
    assert 235 < rows_a_year < 250


def test_names_come_and_go(sessions: list[date]) -> None:
    source = Simulated(sessions, NOW, symbols=300, dirt=Dirt.none())
    answer = source.instruments()
    assert isinstance(answer, Data)
    table = bars(source)
    inside = [row for row in answer.table.to_pylist() if row["listed_date"] and FIRST < row["listed_date"] < LAST]
    gone = [row for row in answer.table.to_pylist() if row["delisted_date"] and FIRST < row["delisted_date"] < LAST]
    assert len(inside) > 3
    assert len(gone) > 3
    spans = {
        row["order_book_id"]: (row["trade_date_min"], row["trade_date_max"])
        for row in table.group_by("order_book_id").aggregate([("trade_date", "min"), ("trade_date", "max")]).to_pylist()
    }
    assert all(spans[row["order_book_id"]][0] == row["listed_date"] for row in inside)
    assert all(spans[row["order_book_id"]][1] < row["delisted_date"] for row in gone)
