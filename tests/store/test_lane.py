"""SQLite's writer lane: shared commits, separate undoing, the result only after the commit."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from app.errors import Unavailable
from app.store.database import Connection, Database, touch
from app.store.migrate import HEAD, upgrade
from app.store.sqlite import engine as open_engine


@pytest.fixture
def database(tmp_path: Path) -> Database:
    opened = Database(f"sqlite:///{tmp_path / 'lane.db'}")
    opened.write(lambda connection: connection.execute(text("CREATE TABLE n (value INTEGER)")))
    return opened


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(text("SELECT count(*) FROM n")).scalar_one()


def insert(connection: Connection, value: int = 1) -> None:
    connection.execute(text("INSERT INTO n VALUES (:value)"), {"value": value})


def hold(database: Database, held: threading.Event, let_go: threading.Event) -> None:
    """Keep the lane busy, so that what is written meanwhile is committed together."""

    def work(connection: Connection) -> None:
        held.set()
        assert let_go.wait(10)

    database.write(work)


def test_a_write_that_raises_is_undone_alone_among_those_of_its_commit(database: Database) -> None:
    held, let_go = threading.Event(), threading.Event()

    def bad(connection: Connection) -> None:
        insert(connection)
        raise ValueError("no")

    with ThreadPoolExecutor(4) as pool:
        holding = pool.submit(hold, database, held, let_go)
        assert held.wait(10)
        before = database.commits
        futures = [pool.submit(database.write, work) for work in (insert, bad, insert)]
        let_go.set()
        holding.result(10)
        assert [type(future.exception(10)).__name__ for future in futures] == ["NoneType", "ValueError", "NoneType"]
    assert count(database) == 2
    assert database.commits - before <= 4
    database.close()


def test_a_first_write_that_raises_leaves_nothing_and_the_lane_goes_on(database: Database) -> None:
    def bad(connection: Connection) -> None:
        insert(connection)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        database.write(bad)
    database.write(insert)
    assert count(database) == 1


def test_the_answer_comes_after_the_commit(database: Database) -> None:
    seen = []
    for _ in range(20):
        database.write(insert)
        other = Database(str(database.url))
        seen.append(count(other))
        other.close()
    assert seen == list(range(1, 21))
    database.close()


def test_what_was_accepted_is_written_before_the_lane_closes_and_nothing_after(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(database.write, insert) for _ in range(50)]
        for write in writes:
            write.result(10)
    url = str(database.url)
    database.close()
    with pytest.raises(Unavailable):
        database.write(insert)
    reopened = Database(url)
    assert count(reopened) == 50
    reopened.close()


def test_a_write_within_a_write_is_refused_and_does_not_hang(database: Database) -> None:
    with pytest.raises(RuntimeError, match="must not wait for another write"):
        database.write(lambda connection: database.write(insert))
    database.close()


def test_changes_are_told_after_the_commit_and_only_of_what_was_touched(database: Database) -> None:
    with database.changes.flag("seen") as seen, database.changes.flag("other") as other:

        def work(connection: Connection) -> None:
            insert(connection)
            touch(connection, "seen")
            assert not seen.is_set()

        database.write(work)
        assert seen.wait(10)
        assert not other.is_set()
    database.close()


def test_a_reader_is_not_held_up_by_an_open_write_and_sees_one_state(database: Database) -> None:
    database.write(insert)
    held, let_go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:

        def work(connection: Connection) -> None:
            insert(connection)
            held.set()
            assert let_go.wait(10)

        writing = pool.submit(database.write, work)
        assert held.wait(10)
        assert count(database) == 1
        let_go.set()
        writing.result(10)
    assert count(database) == 2
    database.close()


def test_every_connection_has_wal_full_and_foreign_keys(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'pragmas.db'}", 2)
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    engine.dispose()


def test_no_lost_update_among_processes_sharing_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'two.db'}"
    first, second = Database(url), Database(url)
    first.write(lambda connection: connection.execute(text("CREATE TABLE n (value INTEGER)")))
    first.write(lambda connection: insert(connection, 0))

    def add_one(connection: Connection) -> None:
        value = connection.execute(text("SELECT value FROM n")).scalar_one()
        connection.execute(text("UPDATE n SET value = :value"), {"value": value + 1})

    with ThreadPoolExecutor(8) as pool:
        for write in [pool.submit(database.write, add_one) for database in (first, second) for _ in range(100)]:
            write.result(30)
    with first.read() as connection:
        assert connection.execute(text("SELECT value FROM n")).scalar_one() == 200
    first.close()
    second.close()


def test_two_starters_migrate_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'race.db'}"
    opened = [Database(url), Database(url)]
    with ThreadPoolExecutor(2) as pool:
        assert {future.result(30) for future in [pool.submit(upgrade, database.engine) for database in opened]} == {HEAD}
    for database in opened:
        database.close()
