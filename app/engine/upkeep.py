"""Regular duties in the data dir."""

import structlog

from app import clock
from app.engine.query_child import QueryChild
from app.errors import OpenbellError
from app.store import retention
from app.store.database import Database

_log = structlog.get_logger("openbell.upkeep")
TIDY_SECONDS = 6 * 3600
"""How often the lake is tidied, beside once at every start."""

_APART_SECONDS = 600
"""How far the clocks of hosts that share a data dir may be apart."""
_COARSE_SECONDS = 1
"""How coarse a file's time is where all is on one host."""


def tidy_lake(database: Database, queries: QueryChild) -> None:
    """Have a child take away what died or lost left in the lake: staged files, half-written ones, old views."""
    try:
        with database.read() as connection:
            named, age_seconds = retention.needed(connection, clock.now())
        files = queries.tidy(named, age_seconds + (_COARSE_SECONDS if database.is_sqlite else _APART_SECONDS))
    except OpenbellError as error:
        _log.warning("the lake was not tidied", error=str(error))
    else:
        _log.info("the lake is tidy", files_gone=files)
