"""In which order a publication becomes durable: a file before its name, names before the snapshot that uses them.

Watched by strace where there is one, which sees what reaches the kernel; elsewhere by the points of `crash_points`.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from app.store.migrate import upgrade
from tests.faults.crash_scenarios import PUBLISH
from tests.faults.crash_stage import Plan, Stage

pytestmark = pytest.mark.slow
_CALL = re.compile(r'^\d+ +(?P<name>\w+)\((?:\d+<(?P<opened>[^>]+)>|.*"(?P<target>[^"]+)")')


class Done(NamedTuple):
    """`fsync` of a path, `rename` to a path, or `commit`."""

    what: str
    path: str


@pytest.fixture(params=["points", *(["strace"] if shutil.which("strace") else [])])
def watched(request: pytest.FixtureRequest) -> Callable[[Path], list[Done]]:
    """What one publication on SQLite did, in order."""
    return {"points": _by_points, "strace": _by_strace}[request.param]


def test_nothing_is_named_before_it_is_durable(watched: Callable[[Path], list[Done]], tmp_path: Path) -> None:
    done = watched(tmp_path)
    files = [place for place, one in enumerate(done) if one.what == "rename" and re.search(r"/lake/\w+/\S+\.parquet$", one.path)]
    assert len(files) == 2, done
    for number, place in enumerate(files, 1):
        written = [one for one in done[:place] if one.what == "fsync" and "/lake/.tmp/" in one.path]
        assert len(written) >= number, "a file before its name"
    folders = [place for place, one in enumerate(done) if one.what == "fsync" and re.search(r"/lake/\w+$", one.path)]
    assert folders, "names before the snapshot"
    assert max(folders) > max(files), "names before the snapshot"
    [shown] = [place for place, one in enumerate(done) if one.what == "rename" and one.path.endswith("/var/current")]
    [view] = [place for place, one in enumerate(done) if one.what == "rename" and re.search(r"/views/\d+$", one.path)]
    commits = [place for place, one in enumerate(done) if one.what == "commit"]
    assert any(max(folders) < commit < view for commit in commits), "the snapshot before its view"
    assert any(view < place < shown and one.path.endswith("/views") for place, one in enumerate(done)), "the view before its link"
    assert any(one == Done("fsync", str(tmp_path / "var")) for one in done[shown:]), "the link itself"


def _publish(stage: Stage) -> None:
    upgrade(stage.database.engine)
    stage.start()
    PUBLISH.register(stage)
    PUBLISH.act(stage, "1")
    stage.stop()


def _by_points(folder: Path) -> list[Done]:
    stage = Stage(f"sqlite:///{folder / 'openbell.db'}", folder)
    with Plan(folder, "service").armed() as service, Plan(folder, "child").armed() as child:
        _publish(stage)
    stage.close()
    found = []
    for _, _, what in sorted((*service.hits, *child.hits), key=lambda hit: hit[1]):
        name, _, path = what.partition(" ")
        found.append(Done({"replace": "rename"}.get(name, name), path))
    return found


def _by_strace(folder: Path) -> list[Done]:
    trace = folder / "trace"
    strace = ["strace", "-f", "-y", "-s", "4096", "-o", str(trace), "-e", "trace=fsync,fdatasync,rename,renameat,renameat2"]
    stage = Stage(f"sqlite:///{folder / 'openbell.db'}", folder, under=strace)
    _publish(stage)
    stage.close()
    found = []
    for line in trace.read_text().splitlines():
        if call := _CALL.match(line):
            path = call["opened"] or call["target"]
            log = path.endswith("openbell.db-wal")
            found.append(Done("commit" if log else "fsync" if call["opened"] else "rename", path))
    return found
