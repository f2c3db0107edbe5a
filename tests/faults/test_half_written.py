"""A process that is killed while it writes Parquet: what a snapshot names can be read, and nothing is left at the next start.

`KILLS=50 pytest tests/faults/test_half_written.py` is the long form; `SEED` repeats one.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from app import clock
from app.store import retention
from tests.engine.conftest import House, node
from tests.faults.alive import executes
from tests.faults.lake_ops import DATASET
from tests.faults.test_publication import OPS, in_lake, named

KILLS = int(os.environ.get("KILLS", "5"))
SEED = int(os.environ.get("SEED", "3"))
pytestmark = pytest.mark.slow


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_kill_while_files_are_written_leaves_none_that_cannot_be_read_and_nothing_at_the_next_start(
    make_house: Callable[..., House], tmp_path: Path, wait_until: Any
) -> None:
    house = make_house(**OPS)
    chance = random.Random(SEED)
    mark = tmp_path / "mark"
    left = 0
    for number in range(KILLS + 1):
        mark.unlink(missing_ok=True)
        run = house.run(node("a", "rewrite_bars", close=float(number + 1), mark=str(mark)), wait=None)
        wait_until(lambda: mark.exists() and mark.read_text())
        if number:
            pid = int(mark.read_text())
            before = in_lake(house)
            wait_until(lambda before=before: in_lake(house) - before)
            time.sleep(chance.uniform(0, 0.15))  # the fault's own instant, not a wait for a fact
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not executes(pid))
            left += sum(path.startswith(".tmp/") for path in in_lake(house))
        run = house.final(run["id"])
        assert run["status"] == "succeeded"
        check(house)
    assert left, "no kill met a file that was being written"
    for path in in_lake(house) - named(house):
        if not path.startswith(".tmp/"):
            os.utime(house.settings.data_dir / "lake" / path, (0, 0))
    again = make_house(**OPS)
    with again.database.read() as connection:
        kept, _ = retention.needed(connection, clock.now())
    wait_until(lambda: in_lake(again) == set(kept))


def check(house: House) -> None:
    """Every file that the newest snapshot names is whole, and all of them say the same."""
    closes = set()
    for path in named(house):
        table = pq.read_table(house.settings.data_dir / "lake" / path)
        closes |= set(table["close"].to_pylist())
    assert len(closes) == 1, f"{DATASET} holds {closes}"
