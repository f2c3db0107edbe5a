"""Rows that were kept out: listed, and let in by hand, now and whenever they come again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.definitions import Dataset
from app.errors import Invalid
from app.stocks.corrections.queries import override_plan, quarantined
from app.stocks.ops.complete import complete_data
from app.stocks.ops.correct import change_by_hand
from app.stocks.ops.load import load_market_data
from app.stocks.ops.validate import validate_data_quality
from tests.stocks.bar_files import row, write
from tests.stocks.op_context import Bench
from tests.stocks.runs import bars

ONE, OTHER, THIRD = "600000.XSHG", "600004.XSHG", "600006.XSHG"
DAYS = ("2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08")
ODD = {"high": 10.05}
"""On the second day ONE closes above its highest price; on the third OTHER comes with two volumes; THIRD is below nought."""
MakeBench = Callable[..., Bench]


@pytest.fixture
def made(bench: MakeBench, tmp_path: Path) -> Bench:
    rows = [row(day, one) for day in DAYS for one in (ONE, OTHER, THIRD)]
    rows[3] |= ODD
    rows.append(row(DAYS[2], OTHER, volume=2000))
    rows[11] |= {"low": -9.9}
    there = bench(source="files", files_path=str(write(tmp_path / "bars.csv", rows)))
    sync(there)
    context = there.run()
    complete_data(context, Dataset("daily_bars"), min_coverage=0.5)
    there.publish(context)
    return there


def sync(there: Bench, **params: Any) -> str:
    context = there.run()
    validate_data_quality(context, load_market_data(context, **params), min_coverage=0.5)
    return there.publish(context)


def unasked(there: Bench) -> list[str]:
    """Of whom a completion asks the source for nothing, since it has nothing fit."""
    found: list[str] = there.run().lake.read("confirmed_empty").column("order_book_id").to_pylist()
    return found


def kept_out(there: Bench, **narrow: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = quarantined(there.run(), **narrow)
    return found


def let_in(there: Bench, entry: dict[str, Any], who: str = "Li") -> str:
    """The run that lets a row in."""
    asked = {"kind": "override", "fingerprint": entry["fingerprint"], "reason": "so it was", "who": who}
    context = there.run(trade_date=entry["trade_date"])
    change = change_by_hand.params_model.model_validate({"change": asked}).change
    validate_data_quality(context, change_by_hand(context, change=change))
    return there.publish(context)


def test_what_was_kept_out_is_listed_newest_day_first(made: Bench) -> None:
    every = kept_out(made)
    assert [(one["order_book_id"], str(one["trade_date"]), one["check"]) for one in every] == [
        (THIRD, DAYS[3], "positive"),
        (OTHER, DAYS[2], "duplicates"),
        (OTHER, DAYS[2], "duplicates"),
        (ONE, DAYS[1], "ohlc"),
    ]
    assert (every[3]["row"]["high"], every[3]["overridden_at"]) == (10.05, None)
    assert kept_out(made, limit=2) + kept_out(made, after=every[1]["fingerprint"]) == every
    assert kept_out(made, symbol="sh600000") == kept_out(made, check="ohlc") == every[3:]
    assert kept_out(made, start=every[0]["trade_date"]) == every[:1]
    assert (kept_out(made, overridden=True), kept_out(made, overridden=False)) == ([], every)


def test_a_row_that_was_let_in_passes_from_then_on(made: Bench) -> None:
    (odd,) = kept_out(made, check="ohlc")
    assert ONE in unasked(made)
    assert override_plan(made.run(), fingerprint=odd["fingerprint"]) == {"entry": odd, "fault": ""}
    assert let_in(made, odd) == "published"
    own = {"start": odd["trade_date"], "end": odd["trade_date"], "symbols": [ONE]}
    assert bars(made, **own).column("high").to_pylist() == [10.05]
    (told,) = kept_out(made, overridden=True)
    assert told == {**odd, "overridden_at": "2026-11-23T12:00:00Z", "overridden_by": "Li", "override_reason": "so it was"}
    assert kept_out(made, overridden=False) == [one for one in kept_out(made) if one["check"] != "ohlc"]
    checks = {one["check"]: one["failed"] for one in made.host.states[-1]["datasets"]["daily_bars"]["facts"]["checks"]}
    assert checks["ohlc"] == 0

    assert sync(made, refetch=True) == "unchanged", "the same row came again, and passed"
    assert ONE not in unasked(made)
    with pytest.raises(Invalid, match="Li let it in already, at 2026-11-23T12:00:00Z"):
        let_in(made, odd)


def test_of_rows_that_contradict_each_other_a_person_may_choose_one(made: Bench) -> None:
    one, other = kept_out(made, check="duplicates")
    assert let_in(made, other) == "published"
    sync(made, refetch=True)
    own = {"start": one["trade_date"], "end": one["trade_date"], "symbols": [OTHER]}
    assert bars(made, **own).column("volume").to_pylist() == [other["row"]["volume"]]
    with pytest.raises(Invalid, match=r"another row of 600004\.XSHG on 2026-01-07 is in the lake"):
        let_in(made, one)


def test_what_nothing_could_be_calculated_from_is_let_in_by_nobody(made: Bench) -> None:
    (negative,) = kept_out(made, check="positive")
    assert (
        "nobody can let in what positive keeps out (low is -9.9)"
        in override_plan(made.run(), fingerprint=negative["fingerprint"])["fault"]
    )
    before = len(made.host.states)
    for entry in (negative, {**negative, "fingerprint": "nothing"}):
        with pytest.raises(Invalid):
            let_in(made, entry)
    assert len(made.host.states) == before
    assert override_plan(made.run(), fingerprint="nothing") == {"entry": None, "fault": ""}
