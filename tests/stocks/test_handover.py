"""What the morning keeps for the evening: by trade date, whole, for a time, the newest counts."""

import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from app.definitions import Dataset
from app.stocks.lake import handover
from app.stocks.lake.handover import PLACE, NoHandover
from app.stocks.ops.calculation import calculate_indicators, calculate_scores
from app.stocks.ops.handover import cleanup_temp, load_temp, save_temp, sync_and_complete
from app.stocks.ops.saving import save_results
from tests.stocks.op_context import Bench, Context
from tests.stocks.runs import go

MARKET = {"simulated_symbols": 12, "simulated_years": 0.4}
DAY, BEFORE, OLDER = date(2026, 11, 23), date(2026, 11, 20), date(2026, 11, 19)
DATASETS = ("daily_bars", "fundamentals", "indicators", "scores")


def morning(there: Bench, day: date | None, **facts: Any) -> Context:
    context = there.run(trade_date=day, **facts)
    save_temp(context, calculate_indicators(context, sync_and_complete(context)))
    return context


def evening(there: Bench, day: date | None, **facts: Any) -> Context:
    context = there.run(trade_date=day, **{"run_id": "evening", **facts})
    saved = save_results(context, calculate_scores(context, load_temp(context)))
    there.publish(context)
    cleanup_temp(context, saved)
    return context


def whole(there: Bench, day: date | None) -> None:
    context = there.run(trade_date=day)
    save_results(context, calculate_scores(context, calculate_indicators(context, sync_and_complete(context))))
    there.publish(context)


def kept(there: Bench, day: date = DAY) -> list[str]:
    return sorted(path.name for path in (there.data_dir / PLACE / day.isoformat()).glob("[0-9]*"))


@pytest.fixture
def there(bench: Callable[..., Bench]) -> Bench:
    """A lake that lacks the last two days."""
    made = bench(**MARKET)
    context = made.run()
    saved = calculate_scores(context, calculate_indicators(context, sync_and_complete(context, end_date=OLDER)))
    save_results(context, saved)
    made.publish(context)
    return made


def rows(there: Bench, dataset: str) -> Any:
    return there.run().lake.read(dataset)


def test_morning_and_evening_publish_what_one_run_would(there: Bench, tmp_path: Path, sessions: list[date]) -> None:
    snapshot = there.host.snapshot()["snapshot"]
    assert morning(there, DAY).metrics["handover"] == 1
    assert there.host.snapshot()["snapshot"] == snapshot, "the morning publishes nothing"
    # What nobody names is tidied away a day later, over a weekend for example.
    named = {file["path"] for state in there.host.states for each in state["datasets"].values() for file in each["files"]}
    loose = [path for path in there.host.folder.glob("*/*.parquet") if f"{path.parent.name}/{path.name}" not in named]
    assert loose
    for path in loose:
        path.unlink()
    assert evening(there, DAY).metrics["handover"] == 1
    other = Bench(tmp_path / "whole", sessions, there.at, MARKET)
    whole(other, None)
    for dataset in DATASETS:
        assert rows(there, dataset).equals(rows(other, dataset)), dataset
    assert kept(there) == []
    for name in ("quality", "facts"):
        one, two = (each.host.snapshot()["datasets"]["daily_bars"][name] for each in (there, other))
        assert one == two or name == "facts"


def test_without_a_hand_over_it_says_what_to_do(there: Bench) -> None:
    with pytest.raises(NoHandover, match=r"There is no hand-over of 2026-11-23\.\nhint: openbell run morning_pipeline --date"):
        load_temp(there.run(trade_date=DAY))
    with pytest.raises(NoHandover, match="There is no hand-over"):
        load_temp(there.run())
    morning(there, DAY)
    with pytest.raises(NoHandover, match="no hand-over of 2026-11-20; there is one of 2026-11-23"):
        load_temp(there.run(trade_date=BEFORE))
    evening(there, DAY)
    with pytest.raises(NoHandover, match="The hand-over of 2026-11-23 was taken by run evening at 2026-11-23T12:00"):
        load_temp(there.run(trade_date=DAY))


def test_the_newest_of_two_mornings_counts_whatever_the_clock_says(there: Bench) -> None:
    morning(there, DAY, run_id="first")
    morning(there, DAY, run_id="second", at=there.at - timedelta(hours=2))
    assert kept(there) == ["2"]
    context = there.run(trade_date=DAY)
    load_temp(context)
    assert (context.metrics["handover"], context.metrics["handover_run"]) == (2, "second")


def test_what_is_brought_back_is_new_to_the_tidying(there: Bench) -> None:
    made = morning(there, DAY)
    (file, *_) = handover.newest(there.data_dir, DAY, made.at).files
    place = there.data_dir / "lake" / file["path"]
    os.utime(place, (0, 0))
    place.unlink()
    load_temp(there.run(trade_date=DAY))
    assert place.stat().st_mtime > 0, "an old one that nobody names yet would be taken away"


def test_a_morning_that_comes_while_the_evening_is_at_work_is_left_for_the_next(there: Bench) -> None:
    morning(there, DAY)
    context = there.run(trade_date=DAY)
    loaded = load_temp(context)
    morning(there, DAY, run_id="again")
    saved = save_results(context, calculate_scores(context, loaded))
    there.publish(context)
    cleanup_temp(context, saved)
    assert kept(there) == ["2"]
    assert evening(there, DAY).metrics["handover_run"] == "again"


def test_what_is_replaced_while_it_is_read_gives_way_to_the_newer(there: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    morning(there, DAY, run_id="first")
    bring_back, replaced = handover.bring_back, []

    def slow(*given: Any) -> None:
        if not replaced:
            replaced.append(morning(there, DAY, run_id="second"))
        bring_back(*given)

    monkeypatch.setattr(handover, "bring_back", slow)
    context = there.run(trade_date=DAY)
    load_temp(context)
    assert context.metrics["handover_run"] == "second"


def test_what_others_published_meanwhile_stands_and_indicators_follow(there: Bench, tmp_path: Path, sessions: list[date]) -> None:
    morning(there, BEFORE)
    go(there, validate=True, facts={"trade_date": DAY})
    context = evening(there, BEFORE)
    assert any("calculated again" in message for _, message, _ in context.log.lines)
    other = Bench(tmp_path / "whole", sessions, there.at, MARKET)
    whole(other, None)
    for dataset in ("daily_bars", "indicators"):
        assert rows(there, dataset).equals(rows(other, dataset)), dataset
    assert context.lake.facts("daily_bars")["ready_through"] == DAY.isoformat()


def test_its_time_ends(there: Bench) -> None:
    morning(there, DAY)
    late = there.at + timedelta(days=7)
    with pytest.raises(NoHandover, match="The hand-over of 2026-11-23 has expired at 2026-11-30"):
        load_temp(there.run(trade_date=DAY, at=late))
    cleanup_temp(there.run(trade_date=BEFORE, at=late - timedelta(seconds=1)))
    assert kept(there) == ["1"]
    cleanup_temp(there.run(trade_date=BEFORE, at=late))
    assert not (there.data_dir / PLACE / DAY.isoformat()).exists()


def test_a_clean_up_that_nothing_stands_before_touches_none_that_holds(there: Bench) -> None:
    context = morning(there, DAY)
    cleanup_temp(context)
    cleanup_temp(context, Dataset("scores"))
    assert kept(there) == ["1"], "nobody has taken it"


@pytest.mark.parametrize("what", ["manifest", "file"])
def test_a_damaged_one_is_refused(there: Bench, what: str) -> None:
    morning(there, DAY)
    folder = there.data_dir / PLACE / DAY.isoformat() / "1"
    path = folder / "manifest.json" if what == "manifest" else next(folder.glob("indicators/*"))
    content = bytearray(path.read_bytes())
    at = content.index(b"scores" if what == "manifest" else b"PAR1") if what == "file" else content.index(b'"rows": ') + 8
    content[at] ^= 1
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(NoHandover, match="The hand-over of 2026-11-23 is damaged"):
        load_temp(there.run(trade_date=DAY))


def test_without_a_trade_date_it_is_of_the_newest_day(there: Bench) -> None:
    morning(there, None)
    assert kept(there) == ["1"]
    evening(there, None)
    assert kept(there) == []
    assert pc.max(rows(there, "scores").column("trade_date")).as_py() == DAY
