"""What nobody needs is taken away; what somebody may still need, and what is not the lake's, stays."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from app.errors import Conflict
from app.stocks.lake import tidying, views
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import bars

DAY = 86_400


@pytest.fixture
def host(tmp_path: Path) -> MemoryHost:
    """A lake with three snapshots."""
    made = MemoryHost(tmp_path)
    for close in (1.0, 2.0, 3.0):
        lake = made.lake()
        lake.stage("daily_bars", bars(symbols=2).assign(close=close))
        made.publish(lake)
    return made


def age(path: Path, seconds: float) -> Path:
    os.utime(path, (time.time() - seconds,) * 2, follow_symlinks=False)
    return path


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".lock")}


def named(host: MemoryHost) -> set[str]:
    return {f["path"] for state in host.states for dataset in state["datasets"].values() for f in dataset["files"]}


def tidy(host: MemoryHost, *more: str, seconds: float = 60) -> int:
    return host.lake().tidy({*named(host), *more}, seconds)


def test_a_file_that_no_snapshot_names_goes_after_a_day_and_every_named_one_stays(host: MemoryHost) -> None:
    lake = host.lake()
    lake.stage("daily_bars", bars(symbols=2).assign(close=9.0))
    staged = [file["path"] for file in lake.staged()]
    assert (tidy(host), named(host) | set(staged)) == (0, files(host.folder)), "it may be a run's that is under way"
    for path in files(host.folder):
        age(host.folder / path, 2 * DAY)
    kept, *orphans = staged
    assert tidy(host, kept, seconds=3 * DAY) == 0, "a step under way is older"
    assert tidy(host, kept) == len(orphans) > 0
    assert files(host.folder) == named(host) | {kept}


def test_what_a_view_shows_or_a_backup_lists_stays_though_no_snapshot_names_it_any_more(host: MemoryHost) -> None:
    data_dir, newest = host.folder.parent, {f["path"] for f in host.states[-1]["datasets"]["daily_bars"]["files"]}
    first = {f["path"] for f in host.states[1]["datasets"]["daily_bars"]["files"]}
    backup = data_dir / "backups" / "20240901T000000Z" / "backup.json"
    backup.parent.mkdir(parents=True)
    backup.write_text(json.dumps({"files": [{"path": path, "bytes": 1} for path in sorted(first)]}))
    for path in files(host.folder):
        age(host.folder / path, 30 * DAY)
    assert host.lake().tidy(newest, 60) == 0, "every view is there"
    for number in (1, 2):
        shutil.rmtree(data_dir / "views" / str(number))
    host.lake().tidy(newest, 60)
    assert files(host.folder) == newest | first
    shutil.rmtree(backup.parent)
    host.lake().tidy(newest, 60)
    assert files(host.folder) == newest


def test_what_is_half_written_goes_at_once_unless_a_step_under_way_may_write_it(host: MemoryHost) -> None:
    half = host.folder / ".tmp" / f"daily_bars-2024-01-{'0' * 32}"
    half.write_bytes(b"PAR1")
    age(half, 30)
    assert (tidy(host, seconds=60), half.exists()) == (0, True)
    assert (tidy(host, seconds=20), half.exists()) == (1, False)


def test_what_somebody_else_put_there_stays(host: MemoryHost) -> None:
    foreign = [
        host.folder / "notes.txt",
        host.folder / "daily_bars" / "mine.parquet",
        host.folder / "daily_bars" / "2024-01-0123456789abcdef.parquet.bak",
        host.folder / "my_data" / "2024-01-0123456789abcdef.parquet",
        host.folder / ".tmp" / "mine",
        host.folder.parent / "views" / "mine",
        host.folder.parent / "views" / "12",
        host.folder.parent / ".current",
    ]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.touch()
        age(path, 30 * DAY)
    assert tidy(host) == 0
    assert all(path.exists() for path in foreign)


def test_a_file_that_a_run_finds_there_already_counts_as_its_own(host: MemoryHost) -> None:
    first = host.lake()
    first.stage("daily_bars", bars(symbols=2).assign(close=9.0))
    staged = [file["path"] for file in first.staged()]
    for path in staged:
        age(host.folder / path, 2 * DAY)
    again = host.lake()
    again.stage("daily_bars", bars(symbols=2).assign(close=9.0))
    assert [file["path"] for file in again.staged()] == staged
    assert tidy(host) == 0
    assert host.publish(again) == "published"


def test_a_view_goes_a_week_after_it_was_followed_and_the_one_that_is_shown_stays(host: MemoryHost) -> None:
    folder = host.folder.parent / "views"
    for number in (1, 2, 3):
        age(folder / str(number), 30 * DAY)
    age(folder / "3", 6 * DAY)
    assert tidy(host) == 1
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["2", "3"]
    age(folder / "3", 30 * DAY)
    assert tidy(host) == 1
    assert views.shown(host.folder.parent) == 3
    assert (host.folder.parent / "current" / "daily_bars" / "2024-01.parquet").is_file()


def test_half_made_views_and_links_go(host: MemoryHost) -> None:
    data_dir, number = host.folder.parent, "0" * 32
    for name in (f"views/4.{number}.tmp", f"views/2.{number}.old"):
        (data_dir / name).mkdir()
    (data_dir / f".current.{number}").symlink_to("views/4")
    for name in (f".market.duckdb.{number}", f"views/3/.market.duckdb.{number}", f"views/3/.market.duckdb.{number}.wal"):
        (data_dir / name).touch()
    assert tidy(host) == 6
    assert {path.name for path in data_dir.iterdir()} == {"lake", "views", "current", "market.duckdb"}
    assert {path.name for path in (data_dir / "views").iterdir()} == {"1", "2", "3", ".lock"}


def test_a_lake_of_another_database_is_left_as_it_is(host: MemoryHost, tmp_path: Path) -> None:
    before = files(host.folder)
    for path in before:
        age(host.folder / path, 30 * DAY)
    for states in ([host.states[0]], host.states[:2]):
        with pytest.raises(Conflict, match="are shown snapshot 3"):
            tidying.tidy(host.folder.parent, states[-1], set(), 0)
    other = MemoryHost(tmp_path / "other")
    lake = other.lake()
    for close in (5.0, 6.0, 7.0):
        lake.stage("daily_bars", bars(symbols=2).assign(close=close))
        other.publish(lake)
    with pytest.raises(Conflict, match="the lake lacks daily_bars/2024-01"):
        tidying.tidy(host.folder.parent, other.states[-1], named(other), 0)
    assert files(host.folder) == before


def test_an_empty_data_dir_is_tidy(tmp_path: Path) -> None:
    assert MemoryHost(tmp_path).lake().tidy((), 0) == 0
