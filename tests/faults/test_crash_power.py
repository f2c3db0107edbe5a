"""A power cut leaves SQLite's log cut off anywhere: what is found once was, whole. A bad disk is said, with what to do."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.store import claims, endings, runs, steps
from app.store.database import Database
from app.store.migrate import upgrade
from tests.faults.crash_loop import ALL, SEED
from tests.faults.crash_reader import digest
from tests.faults.crash_stage import ROOT
from tests.store.conftest import OPS, began, make_job, new_run, register, succeeded

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if ALL else 180)]
_HEADER, _FRAME = 32, 24 + 4096
"""Bytes of a write-ahead log's header, and of each page in it."""


class Past(NamedTuple):
    """A database as a power cut finds it: the file, its log, and what stood in it after each commit."""

    file: bytes
    log: bytes
    contents: list[str]
    whole: bytes
    """The file once its log was written back."""


def work(database: Database) -> Iterator[None]:
    """Some runs from their acceptance to their end, a commit at a time."""
    database.write(make_job)
    yield
    database.write(lambda connection: register(connection, "w"))
    yield
    for _ in range(4):
        database.write(lambda connection: runs.enqueue(connection, new_run(params={"padding": "x" * 3000})))
        yield
        fence = database.write(lambda connection: claims.claim(connection, "w", OPS, 1))[0].fence
        yield
        for node in ("a", "b"):
            database.write(partial(steps.record, fence=fence, events=[began(node), succeeded(node)]))
            yield
        database.write(partial(endings.settle, fence=fence))
        yield


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    file = tmp_path_factory.mktemp("past") / "openbell.db"
    database = Database(f"sqlite:///{file}")
    upgrade(database.engine)
    database.close()  # its end moves everything into the file: the log begins empty
    database = Database(f"sqlite:///{file}")
    contents = [_content(database), *(_content(database) for _ in work(database))]
    before, log = file.read_bytes(), file.with_name("openbell.db-wal").read_bytes()
    database.close()
    return Past(before, log, contents, file.read_bytes())


def _content(database: Database) -> str:
    with database.read() as connection:
        return digest(connection)


def test_a_log_that_is_cut_anywhere_gives_a_prefix_of_the_commits(past: Past, tmp_path: Path) -> None:
    frames = (len(past.log) - _HEADER) // _FRAME
    boundaries = [_HEADER + frame * _FRAME for frame in range(frames + 1)]
    between = random.Random(SEED).sample(range(len(past.log)), 2 * frames if ALL else frames // 4)
    cuts = sorted({0, *boundaries, *between, len(past.log)})
    found = _look(tmp_path, [(past.file, past.log[:cut]) for cut in cuts])
    reached = [_prefix(past, one) for one in found]
    assert reached == sorted(reached), "a longer log gives no older state"
    assert set(reached) == set(range(reached[0], len(past.contents)))
    assert reached[-1] == len(past.contents) - 1
    print(f"\nwrite-ahead log cut at {len(cuts)} places of {len(past.log)} bytes: 0 bad")  # noqa: T201 - the figure


def test_a_log_with_a_flipped_bit_gives_a_prefix_of_the_commits(past: Past, tmp_path: Path) -> None:
    places = random.Random(SEED).sample(range(len(past.log)), 500 if ALL else 40)
    for one in _look(tmp_path, [(past.file, _flipped(past.log, place)) for place in places]):
        _prefix(past, one)


def test_a_file_that_is_cut_or_has_a_flipped_bit_is_read_whole_or_said_to_be_damaged(past: Past, tmp_path: Path) -> None:
    chosen = random.Random(SEED)
    size, count = len(past.whole), 300 if ALL else 30
    cut = [past.whole[:length] for length in (1, 100, 4096, *chosen.sample(range(5000, size), count))]
    flipped = [_flipped(past.whole, place) for place in (*range(0, 100, 9), *chosen.sample(range(size), count))]
    found = _look(tmp_path, [(file, b"") for file in (*cut, *flipped)])
    for one in found:
        if "error" in one:
            assert one["error"] == "Damaged", one
            assert "openbell db verify" in one["hint"]
    assert all("error" in one or one["integrity"] != ["ok"] for one in found[: len(cut)]), "a file that was cut is no whole one"


def _prefix(past: Past, found: dict[str, Any]) -> int:
    """Which commit was the last that survived."""
    assert found.get("integrity") == ["ok"], found
    assert found["rows"] == "ok", "never half a run"
    return past.contents.index(found["content"])


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def _look(folder: Path, databases: list[tuple[bytes, bytes]]) -> list[dict[str, Any]]:
    files = []
    for number, (file, log) in enumerate(databases):
        files.append(folder / f"{number}.db")
        files[-1].write_bytes(file)
        Path(f"{files[-1]}-wal").write_bytes(log)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "tests.faults.crash_reader", *map(str, files)]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(found) == len(files)
    return found
