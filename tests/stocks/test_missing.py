"""Which trade dates a backfill finds missing."""

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from app.errors import Invalid
from app.stocks.lake.market_lake import MarketLake
from app.stocks.missing import missing_dates
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars

FAR = {"start_date": DAYS[0], "end_date": DAYS[-1] + timedelta(days=5)}
BEHIND = [DAYS[-1] + timedelta(days=1)]


@pytest.fixture
def lake(tmp_path: Path) -> MarketLake:
    return MemoryHost(tmp_path).lake()


def asked(lake: MarketLake, **params: Any) -> dict[str, int | None]:
    context: Any = SimpleNamespace(lake=lake, sessions=lambda _: [*DAYS, *BEHIND])
    found: dict[str, int | None] = missing_dates(context, **{**FAR, **params})["days"]
    return found


def listed(first: date | None, symbols: int = 6) -> pd.DataFrame:
    rows = [
        {
            "order_book_id": f"{600000 + number}.XSHG",
            "valid_from": DAYS[0],
            "exchange": "XSHG",
            "listed_date": first if number != 4 else DAYS[70],
            "source": "test",
        }
        for number in range(symbols)
    ]
    return pd.DataFrame(rows)


def test_an_empty_lake_lacks_everything(lake: MarketLake) -> None:
    assert asked(lake) == {day.isoformat(): None for day in [*DAYS, *BEHIND]}


def test_a_session_lacks_a_row_for_each_that_was_listed(lake: MarketLake) -> None:
    whole = bars()
    gone = (whole.trade_date == DAYS[80]) & whole.order_book_id.isin(["600000.XSHG", "600004.XSHG"])
    lake.stage("daily_bars", whole[~gone & (whole.trade_date != DAYS[5])])
    lake.stage("instruments", listed(DAYS[0]))
    assert asked(lake) == {
        DAYS[5].isoformat(): 5,  # the sixth was not listed yet
        DAYS[80].isoformat(): 2,
        BEHIND[0].isoformat(): 6,
    }
    assert asked(lake, start_date=DAYS[6], end_date=DAYS[79]) == {}


def test_whom_no_listing_is_told_of_is_expected_from_first_to_last_row(lake: MarketLake) -> None:
    whole = bars()
    lake.stage("daily_bars", whole[(whole.trade_date != DAYS[90]) | (whole.order_book_id != "600001.XSHG")])
    lake.stage("instruments", listed(None).assign(listed_date=None))
    assert asked(lake, start_date=DAYS[85], end_date=DAYS[95]) == {DAYS[90].isoformat(): 1}
    assert asked(lake) == {DAYS[90].isoformat(): 1, BEHIND[0].isoformat(): None}


def test_another_dataset_lacks_sessions_without_any_row(lake: MarketLake) -> None:
    some = bars(1)[["order_book_id", "trade_date"]]
    lake.stage("indicators", some[some.trade_date != DAYS[7]])
    assert asked(lake, dataset="indicators") == {DAYS[7].isoformat(): None, BEHIND[0].isoformat(): None}


@pytest.mark.parametrize("dataset", ["daily_bar", "instruments"])
def test_a_dataset_that_has_no_dates_is_refused(lake: MarketLake, dataset: str) -> None:
    with pytest.raises(Invalid, match="no dataset with trade dates"):
        asked(lake, dataset=dataset)
