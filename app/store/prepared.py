"""Statements of the hot path: SQLAlchemy writes them, once for each kind of database; the driver runs them.

Its own way of running one looks it up, copies it and wraps what it answers: that takes several times as long as SQLite takes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Executable, Select
from sqlalchemy.exc import DBAPIError

Processor = Callable[[Any], Any] | None
Params = Mapping[str, Any]


class _Bind(NamedTuple):
    name: str
    required: bool
    default: Any
    process: Processor

    def value(self, params: Params) -> Any:
        """What the driver gets. Raises KeyError when it is missing."""
        value = params[self.name] if self.required else params.get(self.name, self.default)
        return value if self.process is None else self.process(value)


class _Compiled:
    """A statement for one kind of database."""

    def __init__(self, statement: Any, dialect: Dialect, given: Sequence[str] | None) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=given)
        self.text = str(compiled)
        self._by_name = not compiled.positional
        self._binds = [_bind(name, compiled.binds[name], dialect) for name in compiled.positiontup or compiled.binds]
        self._dialect = dialect
        self._answers = list(statement.selected_columns) if isinstance(statement, Select) else []
        self._columns: list[tuple[str, Processor]] | None = None

    def bound(self, params: Params) -> Any:
        """The driver's parameters."""
        if self._by_name:
            return {bind.name: bind.value(params) for bind in self._binds}
        return [bind.value(params) for bind in self._binds]

    def row(self, cursor: Any, values: Sequence[Any]) -> dict[str, Any]:
        """What the driver answered, by column."""
        if self._columns is None:
            # Which type a column has in the answer, only an answer tells.
            types = [described[1] for described in cursor.description]
            self._columns = [_column(answer, self._dialect, kind) for answer, kind in zip(self._answers, types, strict=True)]
        return {
            name: value if process is None else process(value)
            for (name, process), value in zip(self._columns, values, strict=True)
        }


def _bind(name: str, bind: Any, dialect: Dialect) -> _Bind:
    return _Bind(name, bind.required, bind.value, bind.type.dialect_impl(dialect).bind_processor(dialect))


def _column(answer: Any, dialect: Dialect, kind: Any) -> tuple[str, Processor]:
    return str(answer.key), answer.type.dialect_impl(dialect).result_processor(dialect, kind)


class Prepared:
    """A statement, run within a transaction that is open. `given` names the columns of an INSERT that come as parameters."""

    def __init__(self, statement: Executable, given: Sequence[str] | None = None) -> None:
        self.statement: Any = statement
        self._given = given
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, rows: Sequence[Params]) -> None:
        """Run it once for each of these parameters; what it answers is not read."""
        compiled = self._for(connection.dialect)
        bound = [compiled.bound(row) for row in rows]
        if len(bound) == 1:
            _execute(connection, "execute", compiled.text, bound[0])
        else:
            _execute(connection, "executemany", compiled.text, bound)

    def all(self, connection: Connection, params: Params) -> list[dict[str, Any]]:
        """Every row that it answers."""
        compiled = self._for(connection.dialect)
        cursor = _execute(connection, "execute", compiled.text, compiled.bound(params))
        return [compiled.row(cursor, values) for values in cursor.fetchall()]

    def first(self, connection: Connection, params: Params) -> dict[str, Any] | None:
        """The first row that it answers."""
        compiled = self._for(connection.dialect)
        cursor = _execute(connection, "execute", compiled.text, compiled.bound(params))
        values = cursor.fetchone()
        return compiled.row(cursor, values) if values is not None else None

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _Compiled(self.statement, dialect, self._given)
        return found


def _execute(connection: Connection, how: str, text: str, params: Any) -> Any:
    """The driver's cursor after that. Raises as SQLAlchemy would."""
    cursor = connection.connection.cursor()
    try:
        getattr(cursor, how)(text, params)
    except connection.dialect.loaded_dbapi.Error as error:
        broken = connection.dialect.is_disconnect(error, connection.connection.driver_connection, cursor)
        if broken:
            connection.invalidate(error)
        raise DBAPIError.instance(
            text, params, error, connection.dialect.loaded_dbapi.Error, connection_invalidated=broken, dialect=connection.dialect
        ) from error
    return cursor
