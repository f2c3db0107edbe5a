"""Factors are held against what was paid and split: what agrees passes, what does not is named with both numbers."""

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from app.stocks import dictionary
from app.stocks.quality.actions import factors
from app.stocks.quality.panel import Panel
from app.stocks.quality.report import Report
from app.stocks.sources.answers import Data
from app.stocks.sources.simulated import Dirt, Simulated
from tests.stocks.conftest import AFTER_CLOSE

DAYS = [date(2026, 1, day) for day in (5, 6, 7, 8, 9, 12)]
Row = dict[str, Any]


def bars(**columns: list[Any]) -> pa.Table:
    """One instrument's days; what is not given stands still at 10 CNY."""
    still: dict[str, Any] = {
        "close": 10.0, "high": 10.0, "low": 10.0, "open": 10.0, "adj_factor": 1.0, "split_factor": 1.0, "is_suspended": False,
        "volume": 100,
    }  # fmt: skip
    rows = [
        {"order_book_id": "600000.XSHG", "trade_date": day, "source": "files", **still}
        | {name: values[at] for name, values in columns.items()}
        for at, day in enumerate(DAYS)
    ]
    return pa.Table.from_pylist(rows, schema=dictionary.get("daily_bars").arrow)


def actions(*told: tuple[date, float, float]) -> pa.Table:
    rows = [
        {"order_book_id": "600000.XSHG", "ex_date": day, "cash_dividend": cash, "split_ratio": split, "source": "files"}
        for day, cash, split in told
    ]
    return pa.Table.from_pylist(rows, schema=dictionary.get("corporate_actions").arrow)


def failed(sessions: list[date], table: pa.Table, told: pa.Table | None) -> list[tuple[date, str]]:
    panel = Panel.of(table, sessions, actions=told)
    found = factors(panel)
    return [(panel.row(int(at))[1], found.say(int(at))) for at in np.flatnonzero(found.checked & found.failed)]


def test_a_dividend_and_a_split_are_what_the_factors_say(sessions: list[date]) -> None:
    # 10 CNY less 0.5, by 1.3 shares: the reference is 7.31, the factor 10 / 7.3077.
    made = [1.0, 1.0, *[10 / (9.5 / 1.3)] * 4]
    table = bars(adj_factor=made, split_factor=[1.0, 1.0, 1.3, 1.3, 1.3, 1.3])
    told = actions((DAYS[2], 0.5, 1.3))
    assert failed(sessions, table, told) == []
    assert [day for day, _ in failed(sessions, table, actions())] == [DAYS[2]]
    late = failed(sessions, table, actions((DAYS[3], 0.5, 1.3)))
    assert [day for day, _ in late] == [DAYS[2], DAYS[3]]
    assert "make splits by 1.3, factors by 1.368421; the bars have 1 and 1.000000" in late[1][1]
    assert [day for day, _ in failed(sessions, bars(adj_factor=made), told)] == [DAYS[2]], "the split alone is missing"


def test_a_factor_of_rounded_reference_prices_agrees_and_a_wrong_fen_does_not(sessions: list[date]) -> None:
    for reference, wrong in ((7.31, False), (7.30, True)):
        table = bars(adj_factor=[1.0, 1.0, *[10 / reference] * 4], split_factor=[1.0, 1.0, *[1.3] * 4])
        assert bool(failed(sessions, table, actions((DAYS[2], 0.5, 1.3)))) is wrong


@pytest.mark.parametrize("from_day", [2, 4])
def test_ex_dates_in_a_rest_count_when_trading_resumes(sessions: list[date], from_day: int) -> None:
    """Some vendors move the factor on the ex-date, some on the day of resumption."""
    made = 10 / (9.0 / 2 - 1.0)
    rests = [False, False, True, True, False, False]
    table = bars(
        is_suspended=rests, close=[None if rest else 10.0 for rest in rests],
        adj_factor=[1.0] * from_day + [made] * (6 - from_day), split_factor=[1.0] * from_day + [2.0] * (6 - from_day),
    )  # fmt: skip
    assert failed(sessions, table, actions((DAYS[2], 1.0, 2.0), (DAYS[3], 1.0, 1.0))) == []
    assert [day for day, _ in failed(sessions, table, actions((DAYS[2], 1.0, 2.0)))] == [DAYS[4]]


def test_without_actions_or_factors_nothing_is_held_against_anyone(sessions: list[date]) -> None:
    table = bars(adj_factor=[1.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    panel = Panel.of(table, sessions)
    assert not factors(panel).checked.any()
    assert failed(sessions, bars(adj_factor=[None] * 6), actions((DAYS[2], 1.0, 1.0))) == []
    assert failed(sessions, table.slice(0, 0), actions((DAYS[2], 1.0, 1.0))) == []
    strangers = actions((DAYS[2], 5.0, 1.0)).set_column(0, "order_book_id", pa.array(["000001.XSHE"]))
    assert failed(sessions, bars(), strangers) == []


def test_the_simulated_market_s_books_agree_until_one_payment_is_gone(sessions: list[date]) -> None:
    source = Simulated(sessions, AFTER_CLOSE, symbols=60, dirt=Dirt.none())
    span = (None, date(2025, 1, 2), date(2026, 11, 23))
    rows, told = source.daily_bars(*span), source.corporate_actions(*span)
    assert isinstance(rows, Data)
    assert isinstance(told, Data)
    for gone in (0, 1):
        report = Report.begin(*span[1:])
        report.examine(Panel.of(rows.table, sessions, actions=told.table.slice(gone)))
        verdict = report.verdicts["actions"]
        assert (verdict.checked > 20_000, verdict.failed, verdict.policy) == (True, gone, "warn")
    assert pc.sum(pc.greater(told.table.column("split_ratio"), 1)).as_py() > 0
