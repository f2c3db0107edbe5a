"""A reader of transitions in order misses none, and is held up by nobody but those who are writing one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, text

from app.store import settled, transitions
from app.store.database import Database

postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def add(connection: Connection, name: str) -> None:
    transitions.add(connection, [{"subject": "worker", "name": name, "to_status": "started"}])


def read(database: Database, seq: int = 0) -> list[str]:
    upto = settled.upto(database, seq)
    with database.read() as connection:
        return [row["name"] for row in transitions.after(connection, seq, upto)]


@contextmanager
def open_transaction(database: Database) -> Iterator[Connection]:
    """A transaction that has a number already, as one that wrote its run's row."""
    with database.engine.connect() as connection, connection.begin():
        connection.execute(text("INSERT INTO lake (id, snapshot) SELECT 1, 0 WHERE false"))
        connection.execute(text("SELECT pg_current_xact_id()"))
        yield connection


def test_what_is_committed_is_read_in_order(database: Database) -> None:
    assert read(database) == []
    for name in "abc":
        database.write(lambda connection, name=name: add(connection, name))
    assert read(database) == ["a", "b", "c"]
    assert read(database, settled.upto(database, 0)) == []


@postgresql
def test_a_number_that_is_committed_before_a_smaller_one_waits_for_it(database: Database) -> None:
    """By the numbers of transactions the first to begin seems the older; by those of transitions it is not."""
    with open_transaction(database) as first, open_transaction(database) as second:
        add(second, "smaller")
        add(first, "greater")
        first.commit()
        assert read(database) == [], "the smaller number would never be read after the greater one"
        second.commit()
        assert read(database) == ["smaller", "greater"]


@postgresql
def test_a_transaction_that_writes_elsewhere_holds_nothing_up(database: Database) -> None:
    with open_transaction(database) as other:
        other.execute(text("INSERT INTO pools (name, size) VALUES ('mine', 1)"))
        database.write(lambda connection: add(connection, "seen"))
        assert read(database) == ["seen"]


@postgresql
def test_a_transaction_in_another_database_holds_nothing_up(database: Database, postgres_server: str) -> None:
    with psycopg.connect(postgres_server) as other:
        other.execute("CREATE TABLE IF NOT EXISTS transitions (seq bigserial)")
        other.execute("INSERT INTO transitions DEFAULT VALUES")
        database.write(lambda connection: add(connection, "seen"))
        assert read(database) == ["seen"]
        other.rollback()


@postgresql
def test_a_reader_beside_many_writers_misses_none(database: Database) -> None:
    writers, each, seen = 6, 25, list[str]()

    def write(number: int) -> None:
        for n in range(each):
            database.write(lambda connection: add(connection, f"{number}.{n}"))  # noqa: B023 - run at once

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    at = 0
    while any(thread.is_alive() for thread in threads) or settled.upto(database, at) > at:
        upto = settled.upto(database, at)
        with database.read() as connection:
            rows = transitions.after(connection, at, upto)
        seen += [row["name"] for row in rows]
        at = max([at, *(row["seq"] for row in rows)])
    assert sorted(seen) == sorted(f"{number}.{n}" for number in range(writers) for n in range(each))
