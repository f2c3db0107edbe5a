"""Regular duties in the data dir."""

from pathlib import Path

import structlog

from app import clock
from app.engine.query_child import QueryChild
from app.errors import OpenbellError
from app.shown import Shown
from app.store import retention
from app.store.database import Database

_log = structlog.get_logger("openbell.upkeep")
TIDY_SECONDS = 6 * 3600
"""How often the lake is tidied, beside once at every start."""

HELD_SECONDS = 2.0
"""How often is looked which file readers are shown, beside each publication; who published holds it meanwhile."""

_APART_SECONDS = 600
"""How far the clocks of hosts that share a data dir may be apart."""
_COARSE_SECONDS = 1
"""How coarse a file's time is where all is on one host."""


class ReadersFile:
    """Holds a shared lock on the `market.duckdb` that readers are shown, so that nobody opens it for writing."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "market.duckdb"
        self._shown = Shown()
        self._told: Path | None = None

    def look(self) -> float:
        """Hold the one that is shown now; after how many seconds to look again."""
        if not self._shown.hold(self._path) and self._path.exists() and (file := self._path.resolve()) != self._told:
            self._told = file
            _log.warning(
                "market.duckdb is open for writing: until it is closed, or the next publication, readers wait", file=str(file)
            )
        return HELD_SECONDS

    def let_go(self) -> None:
        """Hold nothing."""
        self._shown.let_go()


def tidy_lake(database: Database, queries: QueryChild) -> None:
    """Tidy the lake, now or at the next look: trouble is logged."""
    try:
        files = tidy(database, queries)
    except OpenbellError as error:
        _log.warning("the lake was not tidied", error=str(error))
    else:
        _log.info("the lake is tidy", files_gone=files)


def tidy(database: Database, queries: QueryChild) -> int:
    """Have a child take away what died or lost left in the lake: staged files, half-written ones, old views; how many.

    Raises OpenbellError when it cannot.
    """
    with database.read() as connection:
        named, age_seconds = retention.needed(connection, clock.now())
    return queries.tidy(named, age_seconds + (_COARSE_SECONDS if database.is_sqlite else _APART_SECONDS))
