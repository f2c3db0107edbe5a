"""Backup, restore and verify, as an operator calls them: what they promise of a database and of the lake that it names."""

import json
import os
import shutil
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app import main
from app.cli.doctor import state
from app.errors import ConfigurationError
from app.settings import PREFIX, Settings
from app.store import migrate, occupancy, rescues, runs, sqlite
from tests.faults.place import Opened, Place
from tests.service import OPENBELL
from tests.store import conftest as rows
from tests.store import sample_rows


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    return Place(tmp_path, capsys)


def running(place: Place) -> str:
    """A run that a worker is executing."""
    with place.opened() as database:
        database.write(lambda connection: rows.make_job(connection, "k"))
        run = rows.enqueue(database, job="k")
        assert rows.claim(database, "at work")
    return run


def test_a_backup_is_whole_while_others_write_and_comes_back(place: Place) -> None:
    with place.opened() as database:
        database.write(rows.make_job)
        stopping = threading.Event()
        written: list[str] = []

        def write() -> None:
            while not stopping.is_set():
                written.append(rows.enqueue(database))

        writing = threading.Thread(target=write)
        writing.start()
        made = place("backup")
        stopping.set()
        writing.join()
    place("restore", made["folder"])
    with place.opened() as database, database.read() as connection:
        kept = {row["id"] for row in runs.page(connection, runs.Filter(), None, 100_000)}
    assert kept == set(written[: len(kept)]), "one state of the database: a beginning of what was written, without a gap"


def test_a_backup_is_for_its_owner_and_lists_what_it_stands_on(place: Place) -> None:
    file = place.publish()
    folder = Path(place("backup")["folder"])
    assert {path.name for path in folder.iterdir()} == {"openbell.db", "backup.json"}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())] == [0o700, 0o600, 0o600]
    manifest = json.loads((folder / "backup.json").read_text())
    assert (manifest["schema"], manifest["snapshot"]) == (migrate.HEAD, 1)
    assert manifest["files"] == [{"path": f"d/{file.name}", "bytes": file.stat().st_size}]


def test_after_a_restore_nothing_seems_to_be_executed(place: Place) -> None:
    run = running(place)
    folder = place("backup")["folder"]
    assert place("restore", folder)["handed_back"] == [run]
    with place.opened() as database:
        found = rows.row(database, run)
        assert (found["status"], found["worker"], found["crash_count"], found["attempt"]) == ("queued", None, 0, 1)
        with database.read() as connection:
            assert connection.execute(text("SELECT count(*) FROM workers WHERE stopped_at IS NULL")).scalar() == 0
        assert database.write(lambda connection: rescues.holders_gone(connection)) == []
        assert rows.claim(database, "another") is not None, "its slot is free and somebody else goes on"


def test_the_replaced_database_is_kept_with_what_was_last_written(place: Place) -> None:
    folder = place("backup")["folder"]
    run = running(place)
    kept = Path(place("restore", folder)["kept"])
    with Opened(f"sqlite:///{kept}") as database:
        assert rows.row(database, run)["status"] == "running"
    with place.opened() as database, database.read() as connection:
        assert runs.page(connection, runs.Filter(), None, 10) == []


def test_a_restore_waits_for_the_service_to_be_stopped_and_a_start_for_the_restore(place: Place) -> None:
    folder = place("backup")["folder"]
    with occupancy.shared(place.data_dir), occupancy.shared(place.data_dir):
        assert "A service runs on" in place("restore", folder, code=2)["detail"]
    with occupancy.alone(place.data_dir), pytest.raises(Exception, match="restore"), occupancy.shared(place.data_dir):
        pass
    place("restore", folder)


def test_of_the_roles_of_which_sqlite_has_one_process_a_second_is_refused(place: Place) -> None:
    with occupancy.roles(place.data_dir, ["api", "worker"]):
        with occupancy.roles(place.data_dir, ["worker"]), occupancy.roles(place.data_dir, ["scheduler", "worker"]):
            pass
        with pytest.raises(ConfigurationError, match=f"role 'api': process {os.getpid()}"):
            occupancy.roles(place.data_dir, ["api"]).__enter__()
    with occupancy.roles(place.data_dir, ["api"]):
        pass


@pytest.mark.parametrize("said", ["{", "[]", "{}", '{"database": {}}'])
def test_a_backup_whose_list_is_damaged_is_refused_with_a_sentence(place: Place, said: str) -> None:
    folder = Path(place("backup")["folder"])
    (folder / "backup.json").write_text(said)
    assert "backup.json is damaged" in place("restore", str(folder), code=2)["detail"]


@pytest.mark.parametrize("how", ["newer", "damaged", "truncated", "changed"])
def test_a_backup_that_cannot_be_used_is_refused_and_nothing_is_changed(place: Place, how: str) -> None:
    run = running(place)
    folder = Path(place("backup")["folder"])
    copy = folder / "openbell.db"
    if how == "newer":
        shutil.rmtree(folder / "backup.json", ignore_errors=True)
        (folder / "backup.json").unlink()
        with Opened(f"sqlite:///{copy}") as database:
            database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    elif how == "changed":
        with copy.open("r+b") as file:
            file.seek(-100, os.SEEK_END)
            file.write(b"\xff" * 50)
    else:
        (folder / "backup.json").unlink()
        content = copy.read_bytes()
        copy.write_bytes(
            content[: len(content) // 2] if how == "truncated" else content[:100] + os.urandom(8192) + content[8292:]
        )
    problem = place("restore", str(folder), code=2)
    assert ("9999" if how == "newer" else "damaged") in problem["detail"]
    with place.opened() as database:
        assert rows.row(database, run)["status"] == "running"
    assert not list(place.data_dir.glob(".openbell.db*")), "nothing is left of the attempt"


def test_a_backup_of_an_older_schema_is_migrated(place: Place) -> None:
    older = place.data_dir / "older.db"
    with Opened(f"sqlite:///{older}") as database:
        migrate.upgrade(database.engine, sorted(migrate.revisions())[0])
    assert place("restore", str(older))["schema"] == migrate.HEAD


def test_views_of_snapshots_that_the_restored_database_does_not_know_are_gone(place: Place) -> None:
    place.publish()
    folder = place("backup")["folder"]
    for number in (1, 2):
        (place.data_dir / "views" / str(number)).mkdir(parents=True)
    (place.data_dir / "current").symlink_to("views/2")
    place("restore", folder)
    assert [path.name for path in (place.data_dir / "views").iterdir()] == ["1"]
    assert not (place.data_dir / "current").is_symlink()


def test_verify_finds_nothing_wrong_with_a_database_at_work(place: Place) -> None:
    place.publish()
    running(place)
    assert [check["wrong"] for check in place("verify", "--deep")] == [[]] * 12


HARM = {
    "foreign keys": "DELETE FROM runs WHERE id = '{done}'",
    "constraints": "UPDATE pools SET size = -1",
    "runs": "DELETE FROM transitions WHERE name = '{done}'",
    "slots": "UPDATE slots SET run_id = '{done}', attempt = 1 WHERE pool = 'job:j'",
    "workers": "UPDATE workers SET stopped_at = 1",
    "snapshots": "UPDATE snapshots SET run_id = 'nobody'",
    "definitions": "DELETE FROM versions WHERE kind = 'pipeline'",
}


@pytest.mark.parametrize("check", HARM)
def test_verify_names_what_does_not_agree(place: Place, check: str) -> None:
    place.publish()
    running(place)
    with place.opened() as database, database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys=OFF")
        driver.execute("PRAGMA ignore_check_constraints=ON")
        driver.execute(HARM[check].format(done=sample_rows.DONE))
    assert check in place.wrong()


@pytest.mark.parametrize(
    ("how", "arguments", "check"),
    [("missing", (), "lake"), ("truncated", (), "lake"), ("changed", ("--deep",), "lake content")],
)
def test_verify_names_a_file_of_the_lake_that_is_not_as_it_was(
    place: Place, how: str, arguments: tuple[str, ...], check: str
) -> None:
    file = place.publish()
    content = file.read_bytes()
    if how == "missing":
        file.unlink()
    elif how == "truncated":
        file.write_bytes(content[:-10])
    else:
        file.write_bytes(content[:20] + b"x" + content[21:])
        place("verify")
    (sentence,) = place.wrong(*arguments)[check]
    assert f"d/{file.name}" in sentence


def damage(file: Path, how: str) -> None:
    content = file.read_bytes()
    if how == "truncated":
        file.write_bytes(content[: len(content) // 2])
    elif how == "no database":
        file.write_bytes(b"not a database" * 1000)
    elif how == "a page that no start reads":
        opened = sqlite.module().connect(file)
        (page,) = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = 'transitions'").fetchone()
        opened.close()
        file.write_bytes(content[: 4096 * (page - 1)] + os.urandom(4096) + content[4096 * page :])
    else:
        file.write_bytes(content[: 4096 * 2] + os.urandom(4096 * 30) + content[4096 * 32 :])


@pytest.mark.parametrize("how", ["truncated", "no database", "overwritten"])
def test_a_damaged_file_is_named_by_verify_and_mended_by_a_restore(place: Place, how: str) -> None:
    run = running(place)
    folder = place("backup")["folder"]
    damage(place.file, how)
    assert place.wrong()["integrity"]
    assert place("restore", folder)["handed_back"] == [run]
    place("verify")


@pytest.mark.parametrize("how", ["truncated", "no database", "overwritten", "a page that no start reads"])
def test_a_damaged_file_stops_what_would_write_to_it_and_is_one_sentence(place: Place, how: str) -> None:
    damage(place.file, how)
    settings = Settings(data_dir=place.data_dir)
    with pytest.raises(ConfigurationError, match="damaged") as refused:
        main.open_database(settings)
    assert refused.value.hint == sqlite.WHEN_DAMAGED
    assert "damaged" in place("migrate", code=2)["detail"]
    (finding,) = state.database(settings)
    assert (finding.status, finding.hint) == ("failed", sqlite.WHEN_DAMAGED)


@pytest.mark.slow
def test_a_damaged_file_is_said_at_start_with_what_to_do(place: Place) -> None:
    damage(place.file, "truncated")
    environment = {**os.environ, **place.environment, f"{PREFIX}PORT": "0"}
    ended = subprocess.run([OPENBELL, "serve"], env=environment, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 2
    assert "openbell db verify" in ended.stderr
    assert "openbell db restore" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def on_postgres(tmp_path: Path, capsys: pytest.CaptureFixture[str], postgres_url: str) -> Place:
    return Place(tmp_path, capsys, postgres_url)


def test_on_postgresql_the_commands_of_its_own_tools_are_named_and_what_is_ours_is_done(on_postgres: Place) -> None:
    run = running(on_postgres)
    made = on_postgres("backup")
    assert made["command"].startswith("pg_dump --format=custom --file=")
    assert made["database"] is None
    assert "pg_restore" in on_postgres("restore", made["folder"], code=2)["hint"]
    assert on_postgres("restore", "--after-pg-restore")["handed_back"] == [run]
    on_postgres("verify")
