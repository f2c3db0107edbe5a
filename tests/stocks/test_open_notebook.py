"""Open notebooks of all kinds while others publish and die: never blocked, never a mixture, never a row that nobody published.

NOTEBOOK_PUBLICATIONS=100 makes it 100 publications and 20 kills of the publishing process; a few of each otherwise.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.upkeep import ReadersFile
from app.stocks.lake import views
from app.store.database import Database
from app.store.migrate import upgrade
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars
from tests.store.conftest import claim, enqueue, make_job

PUBLICATIONS = int(os.environ.get("NOTEBOOK_PUBLICATIONS", "4"))
KILLS = max(1, PUBLICATIONS // 5)
ROOT = os.geteuid() == 0

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(program, *arguments)`: that program on a data dir, with pipes; killed at the end."""
    started = []

    def go(program: str, *arguments: object, data_dir: Path = tmp_path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.stocks.notebook_programs", program, str(data_dir), *map(str, arguments)]
        pipe, root = subprocess.PIPE, Path(__file__).parents[2]
        made = subprocess.Popen(command, text=True, cwd=root, stdin=pipe, stdout=pipe, stderr=pipe)
        started.append(made)
        return made

    yield go
    for process in started:
        process.kill()
        process.communicate()


def told(process: "subprocess.Popen[str]") -> Any:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    database = Database(f"sqlite:///{tmp_path / 'openbell.db'}")
    upgrade(database.engine)
    database.write(make_job)
    enqueue(database)
    fence = claim(database)
    assert fence is not None
    (tmp_path / "fence.json").write_text(json.dumps([fence.run_id, fence.worker, fence.attempt]))
    database.close()
    return tmp_path


def publish(start: Start, kept: ReadersFile, until: int, kill_at: str = "") -> list[str]:
    """Publish up to that snapshot; `kill_at`: kill the process when it says so. What it said."""
    process, lines = start("publisher", until), []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.strip())
        # As the service does, which outlives its runs' processes.
        kept.look()
        if kill_at and lines[-1] == kill_at:
            process.kill()
            break
    process.wait()
    if not kill_at:
        assert process.returncode == 0, process.communicate()[1]
    return lines


@pytest.mark.timeout(1800)
def test_readers_see_what_was_published_and_nothing_else(start: Start, data_dir: Path) -> None:
    kept, chance = ReadersFile(data_dir), random.Random(7)
    publish(start, kept, 1)
    readers, scanners, writers = (start(name) for name in ("reader", "scanner", "writer"))
    deaths = sorted(chance.sample(range(2, PUBLICATIONS), KILLS))
    for number in deaths:
        publish(start, kept, PUBLICATIONS, kill_at=f"{chance.choice(('stage', 'name', 'reveal'))} {number}")
    publish(start, kept, PUBLICATIONS)
    (data_dir / "stop").touch()
    by_duckdb, by_parquet, written = told(readers), told(scanners), told(writers)
    kept.let_go()
    published = {float(number) for number in range(1, PUBLICATIONS + 1)}
    assert (by_duckdb["mixed"], by_parquet["mixed"]) == ([], [])
    assert set(by_duckdb["seen"]) | set(by_parquet["seen"]) <= published
    assert min(len(by_duckdb["seen"]), len(by_parquet["seen"])) > 1
    assert "written" not in written
    assert not ROOT or written.get("locked"), written
    assert sum(path.name.isdecimal() for path in (data_dir / "views").iterdir()) == PUBLICATIONS
    figures = f"{len(by_duckdb['seen'])} and {len(by_parquet['seen'])} of {PUBLICATIONS} snapshots seen, {KILLS} kills"
    sys.stdout.write(f"{figures}; {by_duckdb['looks']} and {by_parquet['looks']} looks; writers: {written}\n")


@pytest.fixture
def unheld() -> Iterator[Path]:
    """A data dir with one publication that other users may read, and of which no process holds the lock."""
    data_dir = Path(tempfile.mkdtemp())
    data_dir.chmod(0o755)
    host = MemoryHost(data_dir)
    lake = host.lake()
    frame = bars(symbols=1, days=DAYS[:30])
    ids = frame[["order_book_id", "trade_date"]]
    lake.stage("daily_bars", frame.assign(close=1.0))
    lake.stage("scores", ids.assign(score=1.0, factors=3))
    lake.stage("instruments", ids.head(1).rename(columns={"trade_date": "valid_from"}).assign(name="1", source="test"))
    host.publish(lake)
    views._shown.let_go()
    yield data_dir
    shutil.rmtree(data_dir)


@pytest.mark.skipif(not ROOT, reason="who is not root cannot open it to write at all: that is the test below")
def test_a_writer_whom_nothing_held_back_leaves_nothing_when_it_is_killed(start: Start, unheld: Path) -> None:
    """No service runs, so nobody holds the lock, and root may write into a read-only file."""
    before = (unheld / "market.duckdb").read_bytes()
    process = start("hanging_writer", data_dir=unheld)
    assert process.stdout is not None
    said = process.stdout.readline()
    assert "Failed to commit" in said, said
    assert process.stdout.readline().strip() == "pending"
    process.kill()
    process.wait()
    assert (unheld / "market.duckdb").read_bytes() == before
    (unheld / "stop").touch()
    assert told(start("reader", data_dir=unheld)) == {"mixed": [], "seen": [1.0], "looks": 1}


def test_another_user_is_refused_clearly_and_may_read(start: Start, unheld: Path) -> None:
    answer = told(start("stranger", data_dir=unheld))
    assert "Permission denied" in answer["refused"]
    assert answer["rows"] == 30


@pytest.mark.skipif(not ROOT, reason="who is not root cannot open it to write at all")
def test_who_opens_it_to_write_is_told_of_read_only_mode(start: Start, unheld: Path) -> None:
    kept = ReadersFile(unheld)
    kept.look()
    process = start("hanging_writer", data_dir=unheld)
    assert "you would be able to open this database in read-only mode" in process.communicate(timeout=60)[1]
    kept.let_go()
