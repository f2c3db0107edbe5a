"""From every earlier schema with rows in it to the newest: nothing lost, nothing half done, done once."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from app.errors import ConfigurationError
from app.store import copies, migrate
from app.store.database import Database
from tests.store import sample_rows

REVISIONS = sorted(migrate.revisions())
EARLIER = REVISIONS[:-1]

# Migrates once for every n-th statement, in a process that dies before it, until one lives; then says how many died.
DYING = """
import os, shutil, signal, sys
from sqlalchemy import event
from app.store import copies, migrate
from app.store.database import Database

def die_at(number, url):
    database = Database(url)
    seen = 0
    @event.listens_for(database.engine, "before_cursor_execute")
    def count(*_):
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
    @event.listens_for(database.engine, "commit")
    def last(_):
        count()
    migrate.upgrade(database.engine)
    database.close()

url, number, step = sys.argv[1], 0, int(sys.argv[2])
import app.store.postgresql, alembic.command, alembic.config
while True:
    number += step
    pid = os.fork()
    if pid == 0:
        die_at(number, url)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        break
    assert os.WTERMSIG(status) == signal.SIGKILL
print(number // step - 1)
"""
_SPARSE = 9
"""The first schema is fifty statements of one kind: every ninth of them is enough."""


def with_rows(url: str, revision: str) -> dict[str, list[str]]:
    """Make a database of that revision, with rows; answers what stands in it."""
    database = Database(url)
    migrate.upgrade(database.engine, revision)
    with database.engine.begin() as connection:
        sample_rows.insert(connection)
        found = sample_rows.content(connection)
    database.close()
    return found


def columns(database: Database) -> dict[str, list[str]]:
    with database.read() as connection:
        return {name: table.columns.keys() for name, table in sample_rows.reflected(connection).items()}


def test_the_head_is_the_newest_revision() -> None:
    assert REVISIONS[-1] == migrate.HEAD
    assert len(REVISIONS) == len(list((migrate.folder() / "versions").glob("[0-9]*.py")))


@pytest.mark.parametrize("revision", EARLIER)
def test_every_earlier_schema_keeps_its_rows(database_url: str, revision: str) -> None:
    before = with_rows(database_url, revision)
    database = Database(database_url)
    old_columns = columns(database)
    assert migrate.upgrade(database.engine) == migrate.HEAD
    with database.read() as connection:
        assert sample_rows.content(connection, old_columns) == before
        assert all(before.values()), "a table without a row proves nothing"
    database.close()


def test_an_upgraded_schema_is_the_one_that_the_tables_describe(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from app.store.tables import metadata

    with_rows(database_url, REVISIONS[0])
    database = Database(database_url)
    migrate.upgrade(database.engine)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


@pytest.mark.parametrize("revision", [None, *EARLIER])
def test_a_migration_that_is_killed_anywhere_can_be_started_again(database_url: str, revision: str | None) -> None:
    before = with_rows(database_url, revision) if revision else {}
    step = "1" if revision else str(_SPARSE)
    ended = subprocess.run([sys.executable, "-c", DYING, database_url, step], capture_output=True, text=True, timeout=150)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 3, "it was killed at several statements"
    database = Database(database_url)
    with database.read() as connection:
        assert migrate.revision(connection) == migrate.HEAD
        sample_rows.assert_whole(connection, before)
    database.close()


def test_of_two_starters_that_race_one_migrates(database_url: str, tmp_path: Path) -> None:
    with_rows(database_url, REVISIONS[0])
    command = [sys.executable, "-P", "-m", "app.store.migrate", database_url]
    racing = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(starter.communicate(timeout=60)[1], starter.returncode) for starter in racing] == [("", 0), ("", 0)]
    database = Database(database_url)
    with database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [migrate.HEAD]
    database.close()
    if database.is_sqlite:
        assert len(list((tmp_path / "backups").iterdir())) == 1, "each that migrates copies the file aside"


def test_a_database_newer_than_the_code_is_refused_and_left_alone(database_url: str) -> None:
    before = with_rows(database_url, migrate.HEAD)
    database = Database(database_url)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="schema 9999, which this version of Openbell does not know"):
        migrate.upgrade(database.engine)
    with database.read() as connection:
        assert migrate.revision(connection) == "9999"
        assert sample_rows.content(connection) == before
    database.close()


REBUILDING = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "9998", "{head}"
def upgrade():
    with op.batch_alter_table("runs", recreate="always") as batch:
        batch.add_column(sa.Column("more", sa.Text()))
"""


def test_a_table_that_is_made_anew_takes_no_other_rows_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With foreign keys on, SQLite deletes the steps of every run when the table of runs is dropped for its successor."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9998_rebuild.py").write_text(REBUILDING.format(head=migrate.HEAD))
    url = f"sqlite:///{tmp_path / 'openbell.db'}"
    before = with_rows(url, migrate.HEAD)
    monkeypatch.setattr(migrate, "folder", lambda: folder)
    database = Database(url)
    old_columns = columns(database)
    assert migrate.upgrade(database.engine, "9998") == "9998"
    with database.read() as connection:
        assert sample_rows.content(connection, old_columns) == before
    with database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    database.close()


def test_the_file_is_copied_aside_before_a_migration(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'openbell.db'}"
    before = with_rows(url, REVISIONS[0])
    database = Database(url)
    migrate.upgrade(database.engine)
    database.close()
    (kept,) = (tmp_path / "backups").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    copy = Database(f"sqlite:///{kept}")
    with copy.read() as connection:
        assert migrate.revision(connection) == REVISIONS[0]
        assert sample_rows.content(connection) == before
    copy.close()


def test_the_newest_two_copies_are_kept(tmp_path: Path) -> None:
    with_rows(f"sqlite:///{tmp_path / 'openbell.db'}", REVISIONS[0])
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / ".before-schema-0002-1.db.99").touch()
    made = [copies.before_migration(tmp_path / "openbell.db", schema) for schema in ("0002", "0010", "0003")]
    assert set((tmp_path / "backups").iterdir()) == set(made[1:]), "nor is anything kept of a copy that was interrupted"
