"""The folder of definitions that a start applies: what it makes, what a broken one leaves alone, and what may change it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.doctor.definitions import own_folder
from app.definitions.catalogue import Catalogue, OpSpec, ShippedDocument
from app.errors import ManagedByFile
from app.manager import PipelineManager, planting
from app.settings import Settings
from app.store import catalogue, migrate
from app.store.database import Database

OPS = Catalogue(ops=(OpSpec(name="load", module="ops", code_version="1"),))
PIPELINE: dict[str, Any] = {"nodes": [{"id": "a", "op": "load"}]}
FILES: dict[str, Any] = {
    "pools/vendor.json": {"size": 2},
    "pipelines/p.json": PIPELINE,
    "jobs/j.json": {"pipeline": "p"},
    "schedules/s.json": {"job": "j", "cron": "0 9 * * 1-5"},
}
CRASHING = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from app.definitions.catalogue import Catalogue
from app.manager import PipelineManager
from app.settings import Settings
from app.store import catalogue
manager = PipelineManager.open(sys.argv[1], definitions_dir=Path(sys.argv[2]), database_url=sys.argv[3])
left = int(sys.argv[4])
@event.listens_for(manager.database.engine, "before_cursor_execute")
def count(connection, cursor, statement, *rest):
    global left
    left -= "versions" in statement and statement.startswith("INSERT")
    if left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
with manager.database.read() as connection:
    found = catalogue.current(connection)
manager.apply_own_folder(found)
"""


class Start:
    """A service's data and its folder of definitions; each call is a start of it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.home = folder / "defs"
        self.settings = Settings(data_dir=folder, database_url=url, definitions_dir=self.home)
        self.manager = PipelineManager(Database(url), self.settings)
        migrate.upgrade(self.manager.database.engine)
        self.manager.database.write(lambda connection: catalogue.save(connection, OPS))
        self.write(FILES)

    def __call__(self) -> dict[str, str]:
        return {f"{item.kind} {item.name}": item.action for item in self.manager.apply_own_folder(OPS)}

    def write(self, files: dict[str, Any]) -> None:
        for path, document in files.items():
            (self.home / path).parent.mkdir(parents=True, exist_ok=True)
            (self.home / path).write_text(document if isinstance(document, str) else json.dumps(document))

    def standing(self) -> dict[str, Any]:
        return {item["path"]: item for item in self.manager.definition_files()}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """On SQLite."""
    made = Start(f"sqlite:///{tmp_path / 'openbell.db'}", tmp_path)
    yield made
    made.manager.close()


@pytest.fixture
def either(database_url: str, tmp_path: Path) -> Iterator[Start]:
    """On SQLite, and on PostgreSQL."""
    made = Start(database_url, tmp_path)
    yield made
    made.manager.close()


NAMES = ("pool vendor", "pipeline p", "job j", "schedule s")


def test_a_start_makes_what_stands_there_and_the_next_one_nothing(start: Start) -> None:
    assert start() == dict.fromkeys(NAMES, "create")
    audit = start.manager.audit_page()
    assert start() == dict.fromkeys(NAMES, "unchanged")
    assert start.manager.audit_page() == audit
    assert {(each["managed_by"], each["file"]) for each in start.standing().values()} == {
        ("file", str(start.home / path)) for path in FILES
    }
    assert start.manager.folder_remarks() == {}


def test_a_document_there_wins_over_one_of_the_api_and_of_a_release(start: Start) -> None:
    shipped = ShippedDocument(kind="job", managed_by="catalog", document={"name": "k", "pipeline": "p"})
    start.manager.register("pipeline", {**PIPELINE, "name": "p", "description": "by hand"})
    planting.plant_documents(start.manager.database, OPS, [shipped])
    start.write({"jobs/k.json": {"pipeline": "p", "description": "ours"}})
    made = start()
    assert (made["pipeline p"], made["job k"]) == ("change", "change")
    assert planting.plant_documents(start.manager.database, OPS, [shipped]) == []
    start.write({"jobs/k.json": {"pipeline": "p"}})
    assert start()["job k"] == "change"
    newer = ShippedDocument(kind="job", managed_by="catalog", document={"name": "k", "pipeline": "p", "description": "newer"})
    assert planting.plant_documents(start.manager.database, OPS, [newer]) == [], "though the file says what was shipped before"
    (start.home / "jobs/k.json").unlink()
    assert start()["job k"] == "restore"
    assert start.standing()["jobs/k.json"]["document"] == {"name": "k", "pipeline": "p"}


@pytest.mark.parametrize("kind", ["pipeline", "job", "schedule", "pool"])
def test_it_is_changed_and_deleted_in_its_file_alone(start: Start, kind: str) -> None:
    start()
    manager = start.manager
    name, path = next((path.split("/")[1][:-5], path) for path in FILES if path.startswith(kind))
    document = start.standing()[path]["document"]
    other = {**document, "size": 9} if kind == "pool" else {**document, "description": "changed"}
    with pytest.raises(ManagedByFile) as refused:
        manager.save_pool(other, by="k") if kind == "pool" else manager.register(kind, other)  # type: ignore[arg-type]  # no pool
    assert f"managed by the file {start.home / path}" in refused.value.detail
    assert "restart" in str(refused.value.hint)
    with pytest.raises(ManagedByFile):
        manager.delete_pool(name, by="k") if kind == "pool" else manager.delete(kind, name)  # type: ignore[arg-type]  # no pool
    same = manager.save_pool(document, by="k") if kind == "pool" else manager.register(kind, document)  # type: ignore[arg-type]  # no pool
    assert same, "the same document is no change"
    sent = {path: other}
    assert str(start.home / path) in manager.plan_definitions(sent, by="k")["refused"]
    with pytest.raises(ManagedByFile):
        manager.apply_definitions(sent, by="k")
    assert start.standing()[path]["document"] == document


def test_pausing_needs_no_file_and_outlives_a_start(start: Start) -> None:
    start()
    start.manager.pause("job", "j")
    assert start() == dict.fromkeys(NAMES, "unchanged")
    assert start.standing()["jobs/j.json"]["document"]["paused"] is True
    start.write({"jobs/j.json": {"pipeline": "p", "paused": True}})
    start()
    start.write({"jobs/j.json": {"pipeline": "p"}})
    assert start()["job j"] == "change"
    assert "paused" not in start.standing()["jobs/j.json"]["document"]


def test_what_vanished_is_deleted_unless_it_is_in_use(either: Start) -> None:
    either()
    either.manager.register("job", {"name": "by_hand", "pipeline": "p"})
    for path in ("pools/vendor.json", "pipelines/p.json", "schedules/s.json"):
        (either.home / path).unlink()
    made = either()
    assert (made["pool vendor"], made["schedule s"], made["pipeline p"]) == ("delete", "delete", "leave")
    assert set(either.standing()) == {"pipelines/p.json", "jobs/j.json", "jobs/by_hand.json"}
    (either.home / "jobs/j.json").unlink()
    either.write({"pools/other.json": {"size": 1}})
    either.manager.delete("job", "by_hand")
    assert either() == {"pool other": "create", "job j": "delete", "pipeline p": "delete"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"jobs/bad.json": "{"}, "jobs/bad.json: The file is not JSON"),
        ({"jobs/bad.json": {"pipeline": "nowhere"}}, "jobs/bad.json: /pipeline: there is no pipeline 'nowhere'"),
        ({"jobs/bad.yaml": ""}, "jobs/bad.yaml: is no .json file"),
        (None, "cannot be read: No such file or directory"),
        ({}, "There is no definition in"),
    ],
)
def test_a_broken_folder_changes_nothing_and_is_told(start: Start, files: dict[str, Any] | None, said: str) -> None:
    start()
    before = start.standing()
    if not files:
        start.home.rename(start.home.with_name("moved"))
        if files is not None:
            start.home.mkdir()
    start.write({**(files or {}), **({"pools/vendor.json": {"size": 9}} if files else {})})
    assert start() == {}
    assert start.standing() == before
    assert said in start.manager.folder_remarks()["definitions"]
    (finding,) = own_folder(start.settings)
    assert (finding.status, said in finding.detail) == ("failed", True), finding


def test_a_doctor_says_what_the_next_start_does(start: Start) -> None:
    assert [finding.status for finding in own_folder(start.settings)] == ["warning"]
    assert start.standing() == {}, "and does none of it"
    start()
    assert [finding.status for finding in own_folder(start.settings)] == ["ok"]
    assert [*own_folder(Settings(data_dir=start.settings.data_dir))] == []


def test_what_came_from_a_folder_that_was_sent_may_be_changed(start: Start) -> None:
    start()
    start.manager.apply_definitions({"jobs/k.json": {"pipeline": "p"}}, by="k")
    assert start() == dict.fromkeys(NAMES, "unchanged"), "a start leaves it alone"
    changed = start.manager.register("job", {"name": "k", "pipeline": "p", "description": "by hand"}).definition
    assert (changed.version, changed.managed_by, changed.file) == (2, "api", None)


def test_without_the_setting_it_is_anybodys_again(start: Start) -> None:
    start()
    free = PipelineManager(start.manager.database, Settings(database_url=start.settings.url))
    assert free.register("job", {"name": "j", "pipeline": "p", "description": "by hand"}).definition.managed_by == "api"


def at_once(start: Start) -> list[str]:
    """What each of four starts at once does with the job."""
    outcomes: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: outcomes.append(start())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcome["job j"] for outcome in outcomes)


def test_of_several_that_start_at_once_one_does_it(either: Start) -> None:
    assert at_once(either) == ["create", "unchanged", "unchanged", "unchanged"]
    for number in range(1, 6):
        either.write({"jobs/j.json": {"pipeline": "p", "description": f"{number}"}})
        assert at_once(either) == ["change", "unchanged", "unchanged", "unchanged"]
    assert len(either.manager.versions("job", "j")) == 6


@pytest.mark.parametrize("statements", [3])
def test_a_start_that_is_killed_leaves_nothing_half_done(either: Start, statements: int) -> None:
    arguments = [str(either.settings.data_dir), str(either.home), either.settings.database_url, str(statements)]
    killed = subprocess.run([sys.executable, "-c", CRASHING, *arguments], check=False, env={**os.environ}, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert either.standing() == {}
    assert either() == dict.fromkeys(NAMES, "create")
