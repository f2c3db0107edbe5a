"""Statements given straight to the database's driver, within SQLAlchemy's connection and with its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def execute(connection: Connection, text: str, params: Any = ()) -> Any:
    """Run it; answers the driver's cursor. Raises as SQLAlchemy would."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(text, params)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _known(connection, cursor, text, params, error) from error
    return cursor


def execute_many(connection: Connection, text: str, params: list[Any]) -> None:
    """Run it once for each of the parameters. Raises as SQLAlchemy would."""
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(text, params)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _known(connection, cursor, text, params, error) from error


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """The block's statements, whose answers nobody reads, go to a server in one message. Raises as SQLAlchemy would."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "postgresql":
        yield
        return
    try:
        with driver.pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise _known(connection, None, "several statements", None, error) from error


def _known(connection: Connection, cursor: Any, text: str, params: Any, error: Any) -> Exception:
    """SQLAlchemy's name for the driver's error; a connection that broke is given up."""
    kind = connection.dialect.loaded_dbapi.Error
    broken = connection.dialect.is_disconnect(error, connection.connection.driver_connection, cursor)
    if broken:
        connection.invalidate(error)
    known: Exception = DBAPIError.instance(text, params, error, kind, connection_invalidated=broken, dialect=connection.dialect)
    return known
