"""What a caller sees of a database that goes away, and of other writers while it reads."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.errors import Unavailable
from app.store import runs
from app.store.database import Database
from tests.store.conftest import enqueue


def test_a_read_sees_one_state_throughout(database: Database, job: str) -> None:
    first = enqueue(database)
    with database.read() as connection:
        assert runs.queued(connection) == 1
        second = enqueue(database)
        assert [row["id"] for row in runs.page(connection, runs.Filter(), None, 10)] == [first]
    with database.read() as connection:
        assert [row["id"] for row in runs.page(connection, runs.Filter(), None, 10)] == [second, first]


def test_a_fault_of_ours_is_not_called_the_databases(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_lost_connection_is_said_and_the_next_one_works(database: Database, job: str) -> None:
    def lose() -> None:
        with database.read() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with database.engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            runs.queued(connection)

    with pytest.raises(Unavailable):
        lose()
    enqueue(database)
    with database.read() as connection:
        assert runs.queued(connection) == 1


def test_a_database_that_cannot_be_opened_is_said(tmp_path) -> None:  # type: ignore[no-untyped-def]
    database = Database(f"sqlite:///{tmp_path / 'missing' / 'openbell.db'}")
    with pytest.raises(Unavailable), database.read() as connection:
        runs.queued(connection)
    with pytest.raises(Unavailable):
        database.write(runs.queued)
    (tmp_path / "missing").mkdir()
    database.write(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER)")))
    database.close()
