"""Checks of what the service remembers: its database, and how far its calendars reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import clock
from app.cli.doctor.finding import Finding, failed, ok, warning
from app.settings import PREFIX, Settings
from app.store import calendars as stored
from app.store import migrate
from app.store.database import Database

SHORT_HORIZON_DAYS = 30


def database(settings: Settings) -> Iterator[Finding]:
    """Whether the database can be reached and has this version's schema."""
    if _is_new(settings):
        yield ok("database", "SQLite, made at the first start")
        return
    with _opened(settings) as opened:
        try:
            with opened.read() as connection:
                found = migrate.revision(connection)
        except Exception as error:
            yield failed("database", f"{opened.url!r}: {error}", f"Check {PREFIX}DATABASE_URL and that the server runs.")
            return
    where = f"{opened.url!r}, schema {found or 'none'}"
    if found == migrate.HEAD:
        yield ok("database", where)
    elif found is None or found in migrate.revisions():
        hint = "The next start migrates it." if opened.is_sqlite else "Run `openbell db migrate`."
        yield warning("database", f"{where}; this version has {migrate.HEAD}", hint)
    else:
        yield failed("database", f"{where}, made by a newer version", "Start the newer version, or restore a backup.")


def calendars(settings: Settings) -> Iterator[Finding]:
    """How far the exchanges' calendars reach: past that nothing is known, and schedules are held."""
    if _is_new(settings):
        yield ok("calendars", "planted at the first start")
        return
    with _opened(settings) as opened, opened.read() as connection:
        known = stored.all_known(connection) if migrate.revision(connection) == migrate.HEAD else []
    today = clock.market_date()
    for calendar in known:
        left = (calendar["horizon_date"] - today).days
        text = f"{calendar['id']} ends {calendar['horizon_date']} ({calendar['source']})"
        if left < SHORT_HORIZON_DAYS:
            hint = "Upgrade exchange_calendars, or let a source bring its trading dates."
            yield warning("calendars", text + (", in the past" if left < 0 else f", in {left} days"), hint)
        else:
            yield ok("calendars", text)
    if not known:
        yield warning("calendars", "none planted yet", "Start the service once.")


def _is_new(settings: Settings) -> bool:
    """Whether there is no database yet; SQLite would make an empty file of a mere look."""
    name = settings.url.removeprefix("sqlite:///")
    return name != settings.url and not Path(name).exists()


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    opened = Database(settings.url)
    try:
        yield opened
    finally:
        opened.close()
