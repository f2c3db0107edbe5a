"""Rows: what a dataset takes, and what an upsert makes of two tables."""

from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stocks import dictionary
from app.stocks.lake.merge import difference, remove, upsert
from app.stocks.lake.rows import conform, plain, split

CALENDAR = dictionary.get("trading_calendar")
BARS = dictionary.get("daily_bars")


def bar(**changes: Any) -> dict[str, Any]:
    return {
        "order_book_id": "600000.XSHG",
        "trade_date": date(2025, 1, 2),
        "close": 10.0,
        "is_suspended": False,
        "source": "a",
        **changes,
    }


def table(*rows: dict[str, Any]) -> pa.Table:
    return conform(BARS, pd.DataFrame(list(rows)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clsoe": 1.0}, "has no column 'clsoe'; did you mean 'close'?"),
        ({"close": "ten"}, "column 'close'"),
        ({"close": float("inf")}, "column 'close' of 'daily_bars': infinite numbers"),
        ({"volume": 1.5}, "column 'volume'"),
        ({"source": None}, "column 'source' of 'daily_bars' has 1 nulls"),
        ({"trade_date": pd.Timestamp("2025-01-02 09:30")}, "bears no time of day"),
        ({"trade_date": pd.Timestamp("2025-01-02", tz="Asia/Shanghai")}, "bears no time zone"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="'") as caught:
        table(bar(**changes))
    assert message in str(caught.value)


def test_a_missing_required_column_is_named() -> None:
    with pytest.raises(ValueError, match="need the column 'is_suspended'"):
        conform(BARS, pd.DataFrame([bar()]).drop(columns=["is_suspended"]))


def test_a_repeated_key_is_refused_with_the_key() -> None:
    with pytest.raises(ValueError, match=r"more than one row for the key \(600000.XSHG, 2025-01-02\)"):
        table(bar(), bar(close=11.0))


def test_mixed_types_in_one_column_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of 'daily_bars' have a column of mixed types"):
        table(bar(trade_date="2025-02-03"), bar())


@pytest.mark.parametrize("day", ["2025-01-02", pd.Timestamp("2025-01-02"), date(2025, 1, 2)])
def test_a_date_may_come_in_any_form_that_is_a_day(day: Any) -> None:
    assert table(bar(trade_date=day)).column("trade_date").to_pylist() == [date(2025, 1, 2)]


def test_nan_becomes_null_minus_zero_becomes_zero_and_a_key_in_the_index_is_found() -> None:
    frame = pd.DataFrame([bar(close=float("nan"), open=-0.0)]).set_index(["order_book_id", "trade_date"])
    row = conform(BARS, frame).to_pylist()[0]
    assert row["close"] is None
    assert str(row["open"]) == "0.0"
    assert row["volume"] is None


def test_rows_are_sorted_and_cut_into_months() -> None:
    parts = split(BARS, table(bar(trade_date=date(2025, 2, 3)), bar(order_book_id="000001.XSHE"), bar()))
    assert [(month, part.column("order_book_id").to_pylist()) for month, part in parts] == [
        ("2025-01", ["000001.XSHE", "600000.XSHG"]),
        ("2025-02", ["600000.XSHG"]),
    ]


def test_provenance_changes_only_with_content() -> None:
    base = table(bar())
    assert upsert(BARS, base, table(bar(source="b"))) is base
    assert upsert(BARS, base, table(bar(source="b", close=11.0))).column("source").to_pylist() == ["b"]


keys = st.tuples(st.sampled_from(["XSHG", "XSHE", "BJSE"]), st.dates(date(2025, 1, 1), date(2025, 1, 8)))
contents = st.dictionaries(keys, st.sampled_from([None, 1.0, 2.0]))


def as_table(content: dict[tuple[str, date], float | None]) -> pa.Table:
    rows = [bar(order_book_id=symbol, trade_date=day, close=close) for (symbol, day), close in content.items()]
    return table(*rows) if rows else conform(BARS, BARS.arrow.empty_table())


def as_dict(rows: pa.Table) -> dict[tuple[str, date], float | None]:
    listed = plain(BARS, rows).to_pylist()
    return {(row["order_book_id"], row["trade_date"]): row["close"] for row in listed}


@given(contents, contents)
@settings(max_examples=80, deadline=None)
def test_upsert_is_what_a_dict_does_and_difference_undoes_into_it(
    old: dict[tuple[str, date], float | None], new: dict[tuple[str, date], float | None]
) -> None:
    base, rows = as_table(old), as_table(new)
    merged = upsert(BARS, base, rows)
    assert as_dict(merged) == {**old, **new}
    assert list(as_dict(merged)) == sorted({**old, **new})
    assert (merged is base) == ({**old, **new} == old and bool(old))
    change = difference(BARS, base, rows)
    assert as_dict(change.changed) == {key: value for key, value in new.items() if key not in old or old[key] != value}
    assert set(as_dict(change.gone)) == set(old) - set(new)
    assert as_dict(upsert(BARS, remove(BARS, base, change.gone), change.changed)) == new


def test_a_calendar_is_one_partition() -> None:
    rows = conform(CALENDAR, pd.DataFrame({"calendar": ["XSHG"], "trade_date": [date(2025, 1, 2)], "source": ["a"]}))
    assert [name for name, _ in split(CALENDAR, rows)] == ["all"]
