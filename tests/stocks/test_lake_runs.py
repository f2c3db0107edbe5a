"""Runs over one lake: what a run sees, keeps, gives up, and what two runs make of each other."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from app.definitions.lake import Work, staging
from app.stocks import dictionary
from app.stocks.indicators import calculate as indicators
from app.stocks.lake.rows import form
from app.stocks.scoring import calculate as scoring
from app.stocks.scoring.universe import Universe
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars, pick


@pytest.fixture(autouse=True)
def several_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are built as large ones are."""
    monkeypatch.setattr("app.stocks.lake.parquet.ROWS_PER_GROUP", 32)


@pytest.fixture
def host(tmp_path: Path) -> MemoryHost:
    made = MemoryHost(tmp_path)
    lake = made.lake()
    lake.stage("daily_bars", bars(symbols=4))
    lake.note("daily_bars", quality=0.9, adjusted=True)
    made.publish(lake)
    return made


def closes(rows: pa.Table) -> dict[tuple[str, str], float | None]:
    return {(row["order_book_id"], str(row["trade_date"])): row["close"] for row in rows.to_pylist()}


def one(symbol: int, day: int, close: float) -> pd.DataFrame:
    return pick(bars(symbols=4), f"60000{symbol}.XSHG", DAYS[day]).assign(close=close)


def test_a_run_sees_its_base_and_what_it_staged_and_others_do_not(host: MemoryHost) -> None:
    mine, other = host.lake(), host.lake()
    mine.stage("daily_bars", one(0, 3, 99.0))
    assert 99.0 in closes(mine.read("daily_bars")).values()
    assert 99.0 not in closes(other.read("daily_bars")).values()


def test_two_runs_that_change_different_rows_of_one_month_both_count(host: MemoryHost) -> None:
    mine, other = host.lake(), host.lake()
    before = closes(mine.read("daily_bars"))
    mine.stage("daily_bars", one(0, 3, 99.0))
    mine.stage("daily_bars", one(1, 4, 98.0))
    other.stage("daily_bars", one(2, 3, 77.0))
    other.stage("daily_bars", one(1, 4, 66.0))
    other.stage("daily_bars", one(0, 100, 55.0))
    assert host.publish(other) == "published"
    assert host.publish(mine) == "conflict"
    assert host.publish(mine) == "published"
    found = closes(host.lake().read("daily_bars"))
    changed = {(f"60000{symbol}.XSHG", str(DAYS[day])): close for symbol, day, close in
               [(0, 3, 99.0), (1, 4, 98.0), (2, 3, 77.0), (0, 100, 55.0)]}  # fmt: skip
    assert found == {**before, **changed}


def test_two_runs_that_did_the_same_publish_it_once(host: MemoryHost) -> None:
    mine, other = host.lake(), host.lake()
    for lake in (mine, other):
        lake.stage("daily_bars", one(0, 3, 99.0))
    assert host.publish(other) == "published"
    assert host.publish(mine) == "unchanged"
    assert mine.staged() == []


def test_a_row_that_a_run_took_out_stays_out_after_a_rebase(host: MemoryHost) -> None:
    mine, other = host.lake(), host.lake()
    month = f"{DAYS[3]:%Y-%m}"
    keys = mine.read("daily_bars").slice(0, 1).select(["order_book_id", "trade_date"])
    mine.remove("daily_bars", keys.cast(form(dictionary.get("daily_bars"), ["order_book_id", "trade_date"])))
    other.stage("daily_bars", one(2, 3, 77.0))
    rows = len(other.read("daily_bars"))
    host.publish(other)
    assert host.publish(mine) == "conflict"
    host.publish(mine)
    found = closes(host.lake().read("daily_bars"))
    assert len(found) == rows - 1
    assert 77.0 in found.values()
    assert len([file for file in mine.files("daily_bars") if file["partition"] == month]) == 1


def test_what_a_failed_step_staged_is_dropped_with_its_notes(host: MemoryHost) -> None:
    lake = host.lake()
    lake.stage("daily_bars", one(0, 3, 99.0))
    lake.note("daily_bars", adjusted=False)
    mark = staging.set(failed := [])
    lake.stage("daily_bars", one(1, 3, 98.0))
    lake.stage("daily_bars", one(1, 100, 97.0))
    lake.note("daily_bars", quality=0.1, by_hand=True)
    staging.reset(mark)
    assert len(failed) == 2
    lake.drop(failed)
    assert [close for close in closes(lake.read("daily_bars")).values() if close in (97.0, 98.0, 99.0)] == [99.0]
    assert lake.facts("daily_bars") == {"adjusted": False}
    assert lake.reference("daily_bars").quality == 0.9
    # The step's next attempt stages again, and is told so.
    mark = staging.set(again := [])
    lake.stage("daily_bars", one(1, 3, 98.0))
    staging.reset(mark)
    assert [file["path"] for file in again] == [failed[0]["path"]]


def test_a_resumed_run_takes_up_what_was_staged_and_noted(host: MemoryHost) -> None:
    first = host.lake()
    first.stage("daily_bars", one(0, 3, 99.0))
    first.note("daily_bars", quality=0.5, adjusted=False)
    resumed = host.lake()
    resumed.restore(first.staged())
    assert closes(resumed.read("daily_bars")) == closes(first.read("daily_bars"))
    assert resumed.facts("daily_bars") == {"adjusted": False}
    assert resumed.publication() == first.publication()
    host.publish(resumed)
    assert host.snapshot()["datasets"]["daily_bars"]["quality"] == 0.5
    assert host.snapshot()["datasets"]["daily_bars"]["facts"] == {"adjusted": False}


def test_a_run_resumed_after_its_publication_has_nothing_left_to_publish(host: MemoryHost) -> None:
    first = host.lake()
    first.stage("daily_bars", one(0, 3, 99.0))
    staged = first.staged()
    host.publish(first)
    resumed = host.lake()
    resumed.restore(staged)
    assert resumed.staged() == []
    assert host.publish(resumed) == "unchanged"


def test_a_run_resumed_on_a_newer_snapshot_carries_its_rows_over(host: MemoryHost) -> None:
    first, other = host.lake(), host.lake()
    first.stage("daily_bars", one(0, 3, 99.0))
    other.stage("daily_bars", one(1, 3, 77.0))
    host.publish(other)
    resumed = host.lake()
    resumed.restore(first.staged())
    assert {99.0, 77.0} <= set(closes(resumed.read("daily_bars")).values())
    assert host.publish(resumed) == "published"


def test_a_staged_file_that_is_gone_is_said(host: MemoryHost) -> None:
    lake = host.lake()
    lake.stage("daily_bars", one(0, 3, 99.0))
    staged = lake.staged()
    (lake.folder / staged[0]["path"]).unlink()
    with pytest.raises(FileNotFoundError, match="is gone"):
        host.lake().restore(staged)


def test_publishing_in_between_keeps_what_is_staged_afterwards(host: MemoryHost) -> None:
    lake = host.lake()
    lake.stage("daily_bars", one(0, 3, 99.0))
    publication = lake.publication()
    lake.stage("daily_bars", one(0, 100, 98.0))
    lake.stage("daily_bars", one(1, 3, 97.0))
    outcome, state = host.name(publication)
    lake.published(state)
    assert outcome == "published"
    assert [file["partition"] for file in lake.staged()] == [f"{DAYS[3]:%Y-%m}", f"{DAYS[100]:%Y-%m}"]
    assert host.publish(lake) == "published"
    assert {99.0, 98.0, 97.0} <= set(closes(host.lake().read("daily_bars")).values())


def test_parallel_steps_that_stage_one_dataset_lose_nothing(host: MemoryHost) -> None:
    lake = host.lake()
    changes = [one(symbol, day, 100.0 + 10 * symbol + day) for symbol in range(3) for day in range(4)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda change: lake.stage("daily_bars", change), changes))
    expected = {change["close"].iloc[0] for change in changes}
    assert expected <= set(closes(lake.read("daily_bars")).values())


def test_facts_are_this_runs_over_the_snapshots(host: MemoryHost) -> None:
    lake = host.lake()
    lake.note("daily_bars", adjusted=False, more=1)
    assert lake.facts("daily_bars") == {"adjusted": False, "more": 1}
    assert host.lake().facts("daily_bars") == {"adjusted": True}
    assert lake.facts("scores") == {}


def test_what_was_computed_of_older_bars_is_neither_published_nor_carried_over(host: MemoryHost) -> None:
    mine, other = host.lake(), host.lake()
    indicators.calculate(mine)
    mine.stage("daily_bars", one(0, 100, 55.0))
    other.stage("daily_bars", one(2, 3, 77.0))
    assert host.publish(other) == "published"
    outcome, state = host.name(mine.publication())
    assert outcome == "conflict"
    assert {file["dataset"] for file in mine.rebase(state)} == {"indicators"}
    assert {file["dataset"] for file in mine.staged()} == {"daily_bars"}
    indicators.calculate(mine)
    assert host.publish(mine) == "published"
    whole = MemoryHost(host.folder.parent / "whole").lake()
    whole.stage("daily_bars", host.lake().read("daily_bars"))
    indicators.calculate(whole)
    assert host.lake().read("indicators").equals(whole.read("indicators"))


def test_what_a_run_published_itself_makes_nothing_old(host: MemoryHost) -> None:
    lake = host.lake()
    token = staging.set(work := Work())
    lake.read("daily_bars")
    lake.stage("daily_bars", one(0, 3, 99.0))
    assert host.publish(lake) == "published"
    indicators.calculate(lake)
    staging.reset(token)
    assert {file["stands_on"]["daily_bars"] for file in work if file["dataset"] == "indicators"} == {2}
    assert host.publish(lake) == "published"


def test_a_step_stands_on_what_it_saw_first_though_its_runs_base_moves_on(host: MemoryHost) -> None:
    mine, other = host.lake(), host.lake()
    token = staging.set(work := Work())
    mine.read("daily_bars")
    other.stage("daily_bars", one(2, 3, 77.0))
    host.publish(other)
    # A step beside this one loses, and moves the base that they share.
    mine.rebase(host.snapshot())
    indicators.calculate(mine)
    staging.reset(token)
    assert {file["stands_on"]["daily_bars"] for file in work if file["dataset"] == "indicators"} == {1}
    assert host.publish(mine) == "conflict"
    assert mine.staged() == []


def test_scores_of_indicators_that_are_old_are_old(host: MemoryHost) -> None:
    lake = host.lake()
    indicators.calculate(lake)
    scoring.calculate(lake, DAYS, universe=Universe(min_sessions=0))
    other = host.lake()
    other.stage("fundamentals", pd.DataFrame({"order_book_id": ["600000.XSHG"], "trade_date": [DAYS[3]], "known_date": [DAYS[3]],
                                              "market_cap": [1.0], "source": ["test"]}))  # fmt: skip
    host.publish(other)
    assert host.publish(lake) == "conflict"
    assert lake.staged() == [], "the scores were not computed of fundamentals, but of indicators that were"
