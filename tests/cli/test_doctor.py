"""`openbell doctor` finds what is wrong, and says so where it stands."""

import json
import socket
import subprocess
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from app import clock
from app.cli.doctor import examine
from app.cli.doctor.finding import Finding
from app.definitions.catalogue import Catalogue, OpSpec
from app.store import calendar_sources, catalogue, migrate, workers
from app.store.database import Database
from tests.service import OPENBELL
from tests.store.conftest import register


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENBELL_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("OPENBELL_PORT", "0")
    return tmp_path / "var"


def found(check: str) -> Finding:
    return next(finding for finding in examine() if finding.check == check)


def test_nothing_is_wrong_with_a_fresh_installation(data_dir: Path) -> None:
    assert [finding for finding in examine() if finding.status == "failed"] == []
    assert not data_dir.exists(), "a doctor looks and leaves nothing behind"


def test_settings_that_are_not_valid_end_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBELL_SLOTS", "0")
    (finding,) = examine()
    assert (finding.check, finding.status) == ("settings", "failed")
    assert "OPENBELL_SLOTS" in finding.detail


def test_a_port_that_another_program_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("OPENBELL_PORT", str(other.getsockname()[1]))
        finding = found("port")
    assert finding.status == "failed"
    assert "OPENBELL_PORT" in finding.hint


def test_a_data_dir_that_cannot_be_made(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir.parent.joinpath("file").write_text("")
    monkeypatch.setenv("OPENBELL_DATA_DIR", str(data_dir.parent / "file" / "var"))
    assert found("data dir").status == "failed"


def test_a_database_of_a_newer_version(data_dir: Path) -> None:
    database = _database(data_dir)
    database.write(lambda connection: connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)"))
    database.write(lambda connection: connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('9999')"))
    database.close()
    finding = found("database")
    assert (finding.status, "9999" in finding.detail) == ("failed", True)


def test_a_database_server_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBELL_DATABASE_URL", f"postgresql://someone:secret@/none?host={tmp_path}")
    finding = found("database")
    assert finding.status == "failed"
    assert "secret" not in finding.detail


def test_a_calendar_that_ends_soon(data_dir: Path) -> None:
    database = _database(data_dir)
    migrate.upgrade(database.engine)
    today = clock.market_date()
    database.write(lambda connection: calendar_sources.plant(connection, "XSHG", [date(2020, 1, 2), today], "test", "hash"))
    database.close()
    finding = found("calendars")
    assert (finding.status, str(today) in finding.detail) == ("warning", True)


def test_workers_with_other_ops(data_dir: Path) -> None:
    database = _database(data_dir)
    migrate.upgrade(database.engine)
    for name, ops in (("first", ["shared"]), ("second", ["shared", "extra"])):
        known = Catalogue(ops=tuple(OpSpec(name=op, module="m", code_version="1") for op in ops))
        digest = database.write(partial(catalogue.save, found=known))
        database.write(partial(register, worker=name))
        database.write(partial(workers.set_catalogue, worker=name, digest=digest))
    database.close()
    finding = found("workers")
    assert (finding.status, finding.detail) == ("warning", "h process 1 and h process 1 have other ops: extra")


def test_a_database_that_is_damaged_is_a_sentence_and_a_hint(data_dir: Path) -> None:
    database = _database(data_dir)
    migrate.upgrade(database.engine)
    database.close()
    with (data_dir / "openbell.db").open("r+b") as file:
        file.write(b"x" * 100)
    findings = [finding for finding in examine() if finding.status == "failed"]
    assert {finding.check for finding in findings} >= {"database"}
    assert not [finding for finding in findings if "Traceback" in finding.hint or "restore" not in finding.hint]


def test_files_that_are_not_there(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBELL_SOURCE", "files")
    monkeypatch.setenv("OPENBELL_FILES_PATH", str(data_dir.parent / "*.parquet"))
    assert found("source").status == "failed"
    (data_dir.parent / "bars.parquet").write_bytes(b"PAR1")
    assert found("source").status == "ok"


def test_a_vendor_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("OPENBELL_SOURCE", "rqdatac")
        monkeypatch.setenv("OPENBELL_RQDATAC_URI", f"tcp://user:secret@127.0.0.1:{port}")
        assert found("source").status == "ok"
    finding = found("source")
    assert finding.status == "failed"
    assert "secret" not in finding.detail


def test_an_op_module_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_ops.py").write_text("raise RuntimeError('boom')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("OPENBELL_OP_MODULES", "broken_ops")
    finding = found("op modules")
    assert (finding.status, finding.detail) == ("failed", "broken_ops: RuntimeError: boom")
    assert "broken_ops.py" in finding.hint


def test_the_exit_code_tells_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBELL_SOURCE", "files")
    monkeypatch.setenv("OPENBELL_FILES_PATH", "/nowhere/*.csv")
    done = subprocess.run([OPENBELL, "doctor", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert [finding["check"] for finding in json.loads(done.stdout) if finding["status"] == "failed"] == ["source"]


def _database(data_dir: Path) -> Database:
    data_dir.mkdir()
    return Database(f"sqlite:///{data_dir / 'openbell.db'}")
