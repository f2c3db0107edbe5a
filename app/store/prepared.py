"""Statements of the hot path: SQLAlchemy writes them, once for each kind of database; the driver runs them.

Its own way of running one looks it up, copies it and wraps what it answers: that takes several times as long as SQLite takes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Executable, Select

from app.store import driver

Processor = Callable[[Any], Any] | None
Params = Mapping[str, Any]


class _Bind(NamedTuple):
    place: Any  # in the driver's parameters: a number, or a name
    name: str
    process: Processor


class _Compiled:
    """A statement for one kind of database."""

    def __init__(self, statement: Any, dialect: Dialect, given: Sequence[str] | None) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=given)
        self.text = str(compiled)
        named = [(name, compiled.binds[name]) for name in compiled.positiontup or compiled.binds]
        # What the statement itself says is bound once; the rest comes with each run.
        said = [None if bind.required else _processed(_processor(bind, dialect), bind.value) for _, bind in named]
        self._said: Any = said if compiled.positional else dict(zip(compiled.binds, said, strict=True))
        self._given = [
            _Bind(place if compiled.positional else name, name, _processor(bind, dialect))
            for place, (name, bind) in enumerate(named)
            if bind.required
        ]
        self._dialect = dialect
        self._answers = list(statement.selected_columns) if isinstance(statement, Select) else []
        self._columns: list[tuple[str, Processor]] | None = None

    def bound(self, params: Params) -> Any:
        """The driver's parameters. Raises KeyError when one is missing."""
        bound = self._said.copy()
        for place, name, process in self._given:
            value = params[name]
            bound[place] = value if process is None else process(value)
        return bound

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


def _processor(bind: Any, dialect: Dialect) -> Processor:
    process: Processor = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return process


def _processed(process: Processor, value: Any) -> Any:
    return value if process is None else process(value)


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
        if len(rows) == 1:
            driver.execute(connection, compiled.text, compiled.bound(rows[0]))
        else:
            driver.execute_many(connection, compiled.text, [compiled.bound(row) for row in rows])

    def all(self, connection: Connection, params: Params) -> list[dict[str, Any]]:
        """Every row that it answers."""
        compiled = self._for(connection.dialect)
        cursor = driver.execute(connection, compiled.text, compiled.bound(params))
        return [compiled.row(cursor, values) for values in cursor.fetchall()]

    def first(self, connection: Connection, params: Params) -> dict[str, Any] | None:
        """The first row that it answers."""
        compiled = self._for(connection.dialect)
        cursor = driver.execute(connection, compiled.text, compiled.bound(params))
        values = cursor.fetchone()
        return compiled.row(cursor, values) if values is not None else None

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _Compiled(self.statement, dialect, self._given)
        return found
