"""A notebook on a data dir: a manager over the database that names real files."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from app.errors import Invalid, NotFound
from app.manager import PipelineManager
from app.store import lake
from app.store.database import Database
from app.store.migrate import upgrade
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars
from tests.store.conftest import claim, enqueue, make_job


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[PipelineManager]:
    """Of a data dir with one publication of bars."""
    database = Database(f"sqlite:///{tmp_path / 'openbell.db'}")
    upgrade(database.engine)
    database.write(make_job)
    enqueue(database)
    fence = claim(database)
    assert fence is not None
    run = MemoryHost(tmp_path).lake()
    run.stage("daily_bars", bars(symbols=2))
    database.write(lambda connection: lake.publish(connection, fence, "save", run.publication()))
    database.close()
    opened = PipelineManager.open(tmp_path)
    yield opened
    opened.close()


def test_a_range_of_days_may_be_text(manager: PipelineManager) -> None:
    start, end = DAYS[10], DAYS[20]
    by_text = manager.read_dataset("daily_bars", start=start.isoformat(), end=end.isoformat())
    assert set(by_text["trade_date"]) == set(DAYS[10:21])
    assert by_text.equals(manager.read_dataset("daily_bars", start=start, end=end))
    assert manager.read_dataset("daily_bars", start=date(2100, 1, 1)).empty


@pytest.mark.parametrize("name", ["start", "end"])
def test_what_is_no_day_is_said(manager: PipelineManager, name: str) -> None:
    with pytest.raises(Invalid, match=f"{name} is no date: '20.11.2026'"):
        manager.read_dataset("daily_bars", **{name: "20.11.2026"})


def test_a_folder_without_a_database_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=f"There is no database {tmp_path}/nodir/openbell.db"):
        PipelineManager.open(tmp_path / "nodir")
    assert list(tmp_path.iterdir()) == []
