"""What is not ready, not fit or not there is refused in words, and readers keep what they had."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from app.definitions import Dataset
from app.errors import Invalid, Unavailable
from app.stocks.intake.failures import SourceBusy, SourceMismatch, SourceUnavailable, refused
from app.stocks.ops.load import load_market_data
from app.stocks.ops.validate import validate_data_quality
from app.stocks.quality.gate import QualityGate
from app.stocks.sources import Unavailable as Answer
from tests.stocks.bar_files import row, write
from tests.stocks.op_context import Bench
from tests.stocks.runs import go

SMALL = {"simulated_symbols": 20, "simulated_years": 1}
NEXT_DAY = datetime(2026, 11, 24, 12, tzinfo=UTC)
MakeBench = Callable[..., Bench]


def test_a_trade_date_without_data_yet_is_refused(bench: MakeBench) -> None:
    there = bench(**SMALL)
    with pytest.raises(Unavailable, match="The data of 2026-11-24 are not ready; the newest are those of 2026-11-23"):
        go(there, facts={"trade_date": date(2026, 11, 24)})
    with pytest.raises(Invalid, match="There is no session with data from 2026-11-21 to 2026-11-22"):
        go(there, start_date=date(2026, 11, 21), end_date=date(2026, 11, 22))


def test_an_unfit_delivery_fails_and_readers_keep_the_last_good_one(bench: MakeBench, tmp_path: Path) -> None:
    days = [f"2026-11-{day}" for day in (17, 18, 19, 20)]
    ids = [f"60{number:04d}.XSHG" for number in range(10)]
    path = write(tmp_path / "bars.csv", [row(day, one) for day in days[:3] for one in ids])
    there = bench(source="files", files_path=str(path))
    go(there, validate=True)
    before = there.host.states[-1]
    wrong = [row(days[3], one, high=1.0) if one in ids[:5] else row(days[3], one) for one in ids]
    # Rows on the day after tell that those days are expected.
    after = [row("2026-11-23", one) for one in ids]
    write(path, [row(day, one) for day in days[:3] for one in ids] + wrong + after)
    for validate in (True, False):
        with pytest.raises(QualityGate) as failure:
            go(there, validate=validate)
        assert failure.value.reason == "quality_gate"
        assert "5 of 50 expected rows of" in str(failure.value)
        assert "5 rows kept out by ohlc (such as 600000.XSHG 2026-11-20: open 10, high 1, low 9.9, close 10.1)" in str(
            failure.value
        )
    assert there.host.states[-1] == before
    context = there.run()
    loaded = load_market_data(context)
    validate_data_quality(context, loaded, min_coverage=0.8)
    assert there.publish(context) == "published"


def test_a_file_of_indices_alone_is_not_fit(bench: MakeBench, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", [row("2026-11-19", "000300.XSHG"), row("2026-11-20", "000300.XSHG")])
    with pytest.raises(QualityGate, match=r"not one row of .* is fit; 2 rows kept out by instrument \(such as 000300.XSHG"):
        go(bench(source="files", files_path=str(path)), validate=True)


def test_a_broken_file_is_told_and_nothing_changes(bench: MakeBench, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.parquet", [row("2026-11-19"), row("2026-11-20")])
    there = bench(source="files", files_path=str(path))
    go(there)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceUnavailable, match=r"source files \(bad_request\): .*is not a whole Parquet file") as failure:
        go(there)
    assert failure.value.why == "bad_request"
    assert not isinstance(failure.value, SourceBusy)
    assert len(there.host.states) == 2


@pytest.mark.parametrize(("reason", "again"), [("transient", True), ("session_limit", True), ("quota", False), ("auth", False)])
def test_only_what_may_pass_is_worth_another_try(reason: Any, again: bool) -> None:
    error = refused("files", Answer(reason, "why", "what to do"))
    assert isinstance(error, SourceBusy) is again
    assert str(error) == f"source files ({reason}): why\nhint: what to do"


def test_a_lake_belongs_to_the_source_it_was_born_with(bench: MakeBench, tmp_path: Path) -> None:
    there = bench(**SMALL)
    go(there)
    path = write(tmp_path / "bars.csv", [row("2026-11-19")])
    there.settings = {"source": "files", "files_path": str(path)}
    with pytest.raises(SourceMismatch) as failure:
        go(there)
    assert failure.value.reason == "source_mismatch"
    assert failure.value.hint == "set OPENBELL_DATA_DIR to a new folder, or OPENBELL_SOURCE to simulated again"


def test_a_source_of_a_later_release_says_so(bench: MakeBench) -> None:
    with pytest.raises(SourceUnavailable, match=r"source rqdatac \(unsupported\): .*not part of this release") as failure:
        go(bench(source="rqdatac"))
    assert failure.value.why == "unsupported"


def test_what_is_fed_must_be_bars(bench: MakeBench) -> None:
    there = bench(**SMALL)
    with pytest.raises(Invalid, match="'scores' holds no daily bars"):
        validate_data_quality(there.run(), Dataset("scores"))
    with pytest.raises(Invalid, match="the lake has no daily bars yet"):
        validate_data_quality(there.run(), Dataset("daily_bars"))


def test_a_cancelled_load_stops_between_years(bench: MakeBench) -> None:
    context = bench(simulated_symbols=3, simulated_years=5).run(cancelled=True)
    assert load_market_data(context).rows == 0
    assert not [file for file in context.lake.staged() if file["dataset"] == "daily_bars"]
