"""Reads databases that a power cut or a bad disk left behind: `python -m tests.faults.crash_reader FILE...`, a line of JSON each.

A process of its own: what SQLite makes of a damaged file must not be the test's end.
"""

import hashlib
import json
import sys
from typing import Any

from sqlalchemy import text

from app import journal
from app.errors import OpenbellError
from app.store.database import Connection, Database
from tests.faults.reference_rows import Rows


def look(file: str) -> dict[str, Any]:
    """What stands in the database, and whether it is whole; or the error, with what to do."""
    database = Database(f"sqlite:///{file}")
    try:
        with database.read() as connection:
            content = digest(connection)
            integrity = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            return {"content": content, "integrity": integrity, "rows": _rows(connection)}
    except OpenbellError as error:
        return {"error": type(error).__name__, "hint": error.hint}
    except Exception as error:
        return {"error": repr(error), "hint": None}
    finally:
        database.close()


def _rows(connection: Connection) -> str:
    """Whether the rows of runs agree with each other. SQLite does not see a bit that was flipped within a value."""
    try:
        Rows(connection).check()
    except Exception as error:
        return repr(error)
    return "ok"


def digest(connection: Connection) -> str:
    """A hash of every row of every table, none of them interpreted."""
    names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")).scalars().all()
    rows = {name: connection.execute(text(f'SELECT * FROM "{name}" ORDER BY rowid')).all() for name in names}
    return hashlib.sha256(repr(rows).encode()).hexdigest()


if __name__ == "__main__":
    journal.configure("warning")  # as every command does: its log is no part of its answer
    for name in sys.argv[1:]:
        sys.stdout.write(json.dumps(look(name)) + "\n")
