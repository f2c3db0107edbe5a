"""What a person puts right stands over whatever the source says, until it is withdrawn."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.errors import Invalid
from app.stocks.corrections.queries import correction_plan, corrections_of
from app.stocks.ops.calculation import calculate_indicators, calculate_scores
from app.stocks.ops.correct import change_by_hand
from app.stocks.ops.validate import validate_data_quality
from tests.stocks.bar_files import Row, row, write
from tests.stocks.op_context import Bench, Context
from tests.stocks.runs import bars, go

ONE, OTHER = "600000.XSHG", "600004.XSHG"
DAYS = ("2026-01-05", "2026-01-06", "2026-01-07")
DAY = date(2026, 1, 6)
SAID = {"reason": "the vendor's own correction of that evening", "who": "Li"}
MakeBench = Callable[..., Bench]
Made = tuple[Bench, Path]


def market(**second: Any) -> list[Row]:
    """Three days of two names; `second`: what the source says of ONE on the second day."""
    return [row(day, one, **(second if (day, one) == (DAYS[1], ONE) else {})) for day in DAYS for one in (ONE, OTHER)]


@pytest.fixture
def made(bench: MakeBench, tmp_path: Path) -> Made:
    path = write(tmp_path / "bars.csv", market())
    there = bench(source="files", files_path=str(path))
    go(there)
    return there, path


def change(there: Bench, **asked: Any) -> tuple[Context, str]:
    """The run that a correction makes."""
    context = there.run(trade_date=DAY)
    asked = {"kind": "correct", "dataset": "daily_bars", "order_book_id": ONE, "trade_date": DAY, **SAID, **asked}
    model = change_by_hand.params_model.model_validate({"change": asked})
    data = validate_data_quality(context, change_by_hand(context, change=model.change), publish=False)
    calculate_scores(context, calculate_indicators(context, data))
    return context, there.publish(context)


def close(there: Bench, one: str = ONE, day: date = DAY) -> float | None:
    found = bars(there, start=day, end=day, symbols=[one]).column("close").to_pylist()
    return found[0] if found else None


def faults(there: Bench, **asked: Any) -> dict[str, str]:
    wanted = {"dataset": "daily_bars", "order_book_id": ONE, "trade_date": DAY, "values": {"close": 10.15}, **asked}
    return {one["pointer"]: one["message"] for one in correction_plan(there.run(), **wanted)["faults"]}


def listed(there: Bench, **narrow: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = corrections_of(there.run(), dataset="daily_bars", **narrow)["items"]
    return found


def test_a_correction_survives_the_next_sync_and_a_refetch(made: Made) -> None:
    there, path = made
    plan = correction_plan(there.run(), dataset="daily_bars", order_book_id="sh600000", trade_date=DAY, values={"close": 10.15})
    assert plan == {"order_book_id": ONE, "faults": [], "before": {"close": 10.1}, "after": {"close": 10.15}}
    assert close(there) == 10.1, "a plan does nothing"

    _, outcome = change(there, order_book_id="600000", values={"close": 10.15})
    assert (outcome, close(there), close(there, OTHER)) == ("published", 10.15, 10.1)
    (kept,) = listed(there)
    assert (kept["column"], kept["value"], kept["replaced"], kept["who"]) == ("close", 10.15, 10.1, "Li")
    assert kept["at"] == "2026-11-23T12:00:00Z"

    write(path, [*market(volume=2000), *(row("2026-01-08", one) for one in (ONE, OTHER))])
    go(there)
    go(there, refetch=True)
    assert (close(there), bars(there, start=DAY, end=DAY, symbols=[ONE]).column("volume").to_pylist()) == (10.15, [2000])
    assert len(bars(there)) == 8
    assert listed(there) == [kept], "the source said of the close what it had said"


def test_what_the_source_says_by_then_stands_again_when_a_correction_is_withdrawn(made: Made) -> None:
    there, path = made
    change(there, values={"close": 10.15, "volume": 3000})
    write(path, market(close=10.05))
    go(there, refetch=True)
    assert {one["column"]: one["replaced"] for one in listed(there)} == {"close": 10.05, "volume": 1000}
    change(there, values={"close": 10.18})
    assert {one["column"]: one["replaced"] for one in listed(there)} == {"close": 10.05, "volume": 1000}
    change(there, kind="withdraw", columns=["close"])
    assert close(there) == 10.05
    assert [one["column"] for one in listed(there)] == ["volume"]
    change(there, kind="withdraw")
    assert listed(there) == []
    assert bars(there, start=DAY, end=DAY, symbols=[ONE]).column("volume").to_pylist() == [1000]
    with pytest.raises(Invalid, match=r"there is no correction of close of 600000\.XSHG"):
        change(there, kind="withdraw", columns=["close"])


def test_a_row_that_was_kept_out_is_let_in_by_what_mends_it(bench: MakeBench, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", market(high=9.9, low=10.2))
    there = bench(source="files", files_path=str(path))
    go(there)
    assert close(there) is None
    (fault,) = faults(there, values={"high": 10.2}).items()
    assert fault[0] == "/values"
    assert "kept out with that (ohlc: open 10, high 10.2, low 10.2, close 10.1)" in fault[1]
    change(there, values={"high": 10.2, "low": 9.9})
    assert close(there) == 10.1
    go(there, refetch=True)
    assert close(there) == 10.1
    change(there, kind="withdraw")
    assert close(there) is None, "it is what the check kept out"


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"dataset": "scores"}, "/path/name", "scores is made of"),
    ({"dataset": "dayly_bars"}, "/path/name", "there is no dataset 'dayly_bars'; did you mean 'daily_bars'?"),
    ({"dataset": "quarantine"}, "/path/name", "corrected are daily_bars and fundamentals"),
    ({"order_book_id": "600001.XSHG"}, "/order_book_id", "there is no instrument '600001.XSHG'; did you mean"),
    ({"trade_date": date(2026, 1, 9)}, "/trade_date", "daily_bars has no row of 600000.XSHG on 2026-01-09"),
    ({"values": {"clos": 1}}, "/values/clos", "is no column of daily_bars; did you mean 'close'?"),
    ({"values": {"trade_date": "2026-01-06"}}, "/values/trade_date", "it cannot be corrected"),
    ({"values": {"close": "10.2"}}, "/values/close", 'must be a number (CNY), not "10.2"'),
    ({"values": {"close": None}}, "/values/close", "must be a number (CNY), not null"),
    ({"values": {"close": True}}, "/values/close", "must be a number"),
    ({"values": {"close": float("inf")}}, "/values/close", "must be a number"),
    ({"values": {"close": 10**400}}, "/values/close", "must be a number"),
    ({"values": {"volume": 10.5}}, "/values/volume", "must be a whole number (shares), not 10.5"),
    ({"values": {"is_suspended": "no"}}, "/values/is_suspended", 'must be true or false, not "no"'),
    ({"values": {"close": -10}}, "/values", "positive: close is -10"),
    ({"values": {"adj_factor": 0}}, "/values", "positive: adj_factor is 0"),
    ({"values": {"split_factor": -1.0}}, "/values", "positive: split_factor is -1"),
    ({"values": {"limit_down": -5}}, "/values", "positive: limit_down is -5"),
    ({"values": {"close": 99}}, "/values", "ohlc: open 10, high 10.2, low 9.9, close 99"),
    ({"values": {"is_suspended": True}}, "/values", "a suspended day has no open, high, low, close"),
]


def test_what_cannot_be_put_right_is_refused_with_its_place(made: Made) -> None:
    there, _ = made
    before = len(there.host.states)
    for asked, pointer, words in REFUSED:
        found = faults(there, **asked)
        assert list(found) == [pointer], asked
        assert words in found[pointer], asked
        with pytest.raises(Invalid):
            change(there, **{"values": {"close": 10.15}, **asked})
    assert len(there.host.states) == before
