"""Checks of what the service remembers: its database, and how far its calendars reach."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.cli.doctor.finding import Finding, failed, ok, warning
from app.errors import ConfigurationError, Damaged, OpenbellError
from app.settings import PREFIX, Settings
from app.store import calendars as stored
from app.store import identity, migrate, sqlite
from app.store import workers as registered
from app.store.database import Database

LOOK_SECONDS = 10
"""How long is looked for broken pages; `openbell db verify` looks at all of them."""


def database(settings: Settings) -> Iterator[Finding]:
    """Whether the database can be reached and has this version's schema."""
    try:
        identity.refuse_lost(settings.url, settings.data_dir)
        sqlite.refuse_damaged(settings.url, LOOK_SECONDS)
    except ConfigurationError as error:
        yield failed("database", error.detail, error.hint or "")
        return
    if is_new(settings):
        yield ok("database", "SQLite, made at the first start")
        return
    with reach(settings) as opened:
        try:
            with opened.read() as connection:
                found = migrate.revision(connection)
                identity.refuse_foreign(connection, settings.data_dir)
        except OpenbellError as error:
            server = f"Check {PREFIX}DATABASE_URL and that the server runs."
            told = isinstance(error, ConfigurationError | Damaged)
            yield failed("database", error.detail, (error.hint or "") if told else f"{server} {error.hint or ''}".rstrip())
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
    if is_new(settings):
        yield ok("calendars", "planted at the first start")
        return
    try:
        with reach(settings) as opened, opened.read() as connection:
            known = stored.all_known(connection) if migrate.revision(connection) == migrate.HEAD else []
    except OpenbellError as error:
        yield failed("calendars", error.detail, error.hint or "")
        return
    for calendar in known:
        text = (
            f"{calendar['id']} ends {calendar['horizon_date']} ({calendar['source']}), {calendar['sessions_left']} sessions left"
        )
        if calendar["alarm"]:
            yield warning("calendars", text, calendar["alarm"])
        elif calendar["disagreements"]:
            days = ", ".join(each["date"] for each in calendar["disagreements"][:5])
            hint = f"GET /api/v1/calendars/{calendar['id']} tells who says what; an override settles a day."
            yield warning("calendars", f"{text}; its sources disagree on {days}", hint)
        else:
            yield ok("calendars", text)
    if not known:
        yield warning("calendars", "none planted yet", "Start the service once.")


def workers(settings: Settings) -> Iterator[Finding]:
    """Whether all that work have the same ops."""
    if is_new(settings):
        return
    try:
        with reach(settings) as opened, opened.read() as connection:
            if migrate.revision(connection) != migrate.HEAD:
                return
            known = [row for row in registered.registered(connection) if row["catalogue"] is not None]
            found = registered.others(connection, known[0]["id"], known[0]["catalogue"]) if known else []
    except OpenbellError as error:
        yield failed("workers", error.detail, error.hint or "")
        return
    hint = f"Give all the same {PREFIX}OP_MODULES and code, and start them again."
    for who, ops in found:
        first = f"{known[0]['host']} process {known[0]['pid']}"
        yield warning("workers", f"{first} and {who} have other ops: {', '.join(ops[:5])}", hint)
    if not found:
        yield ok("workers", f"{len(known)} work" + (", with the same ops" if len(known) > 1 else ""))


def is_new(settings: Settings) -> bool:
    """Whether there is no database yet; SQLite would make an empty file of a mere look."""
    file = sqlite.file_of(settings.url)
    return file is not None and not (file.exists() and file.stat().st_size)


@contextmanager
def reach(settings: Settings) -> Iterator[Database]:
    """The database, for as long as one looks at it."""
    opened = Database(settings.url)
    try:
        yield opened
    finally:
        opened.close()
