"""Builds and wires the service: database, manager, engine, faces; starts and stops them in order."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import FastAPI

from app import clock, journal, private, web
from app.api import application
from app.definitions.catalogue import Catalogue
from app.engine.engine import Engine
from app.engine.forkserver import ForkServer
from app.errors import ConfigurationError, OpenbellError, Unavailable
from app.manager import PipelineManager, planting
from app.settings import Settings
from app.store import calendar_sources, identity, keys, migrate, occupancy, runs, sqlite
from app.store.acceptance import RunRequest
from app.store.ballast import Ballast
from app.store.copies import private_folder
from app.store.database import Database

_log = structlog.get_logger("openbell")
FIRST_JOB = "daily_full_pipeline"
LOOK_SECONDS = 0.5
"""How long a start looks for broken pages: for half a second, which is about 500 MB that the machine has in memory."""
CALENDARS_KEPT = timedelta(days=1)
"""How old planted sessions may be at a start: asking a child for them takes a second."""


class Service:
    """One process of the service without its faces. Made by who serves it, stopped once, from any thread."""

    def __init__(self, settings: Settings, forkserver: ForkServer) -> None:
        self.settings = settings
        self.database = open_database(settings)
        self.database.ballast = self.ballast = Ballast(settings.data_dir, settings.free_bytes)
        self.manager = PipelineManager(self.database, settings)
        self.engine = Engine(self.database, settings, version("openbell"), forkserver)
        self._stopping: Future[None] = Future()
        self._stop_begun = threading.Lock()

    def start(self) -> None:
        """Begin to work."""
        if "api" in self.settings.roles:
            set_admin_key(self.database, self.settings)
        self.engine.start(lambda found: _learned(self.manager, self.engine, found))
        self.manager.queries = self.engine.queries

    def begin_stop(self) -> Future[None]:
        """Stop the engine in a thread of its own; the answer is the end of that. Asked again, it is the same."""
        if self._stop_begun.acquire(blocking=False):
            threading.Thread(target=self._stop, name="stopping").start()
        return self._stopping

    def _stop(self) -> None:
        try:
            self.engine.stop()
        except BaseException as error:
            self._stopping.set_exception(error)
        else:
            self._stopping.set_result(None)

    def readiness(self) -> dict[str, bool]:
        """What this process needs for its work, and whether it is there."""
        return {**self.manager.readiness(), **self.engine.checks()}


def create_app(service: Service) -> FastAPI:
    """The service as an ASGI application; its lifespan starts and stops the engine."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await asyncio.wrap_future(service.begin_stop())
            service.database.close()

    return application.build(service.manager, lifespan=lifespan, readiness=service.readiness)


def open_database(settings: Settings) -> Database:
    """Open the database at this code's schema: SQLite is migrated, PostgreSQL by its administrator's command.

    Raises ConfigurationError for one that is damaged, away, of another schema, or not the lake's, before anything is written.
    """
    private_folder(settings.data_dir)
    identity.refuse_lost(settings.url, settings.data_dir)
    sqlite.refuse_damaged(settings.url, LOOK_SECONDS)
    database = Database(settings.url, queue_limit=settings.queue_limit)
    try:
        _prepare(database, settings)
    except BaseException as error:
        database.close()
        if isinstance(error, Unavailable):
            raise ConfigurationError(error.detail, hint=error.hint) from error
        raise
    return database


def _prepare(database: Database, settings: Settings) -> None:
    with database.read() as connection:
        migrate.refuse_newer(found := migrate.revision(connection))
        identity.refuse_foreign(connection, settings.data_dir)
    if found != migrate.HEAD and not database.is_sqlite:
        raise ConfigurationError(
            f"The database has schema {found or 'none'}; this version of Openbell needs {migrate.HEAD}.",
            hint="Run: openbell db migrate",
        )
    if found != migrate.HEAD:
        # A process of its own: Alembic is needed once and would stay in memory.
        migrating = [sys.executable, "-P", "-m", "app.store.migrate", settings.url]
        ended = subprocess.run(migrating, stderr=subprocess.PIPE, text=True, check=False)
        if ended.returncode:
            said = ended.stderr.strip()
            raise ConfigurationError(f"The database could not be migrated. {said}", hint=sqlite.WHEN_DAMAGED)
    identity.settle(database, settings.data_dir)


def set_admin_key(database: Database, settings: Settings) -> None:
    """Make the set admin key valid, or the one in `admin.key`, or a new one written there, for its owner's eyes only."""
    path = settings.data_dir / "admin.key"
    if settings.admin_key is not None:
        secret = settings.admin_key.get_secret_value()
    else:
        made = f"openbell_admin_{secrets.token_urlsafe(32)}"
        # Of two first starts one makes it.
        secret = private.write_first(path, made + "\n")
        if secret == made:
            _log.info("admin key made", file=str(path))
    database.write(lambda connection: keys.set_admin(connection, secret))


def _learned(manager: PipelineManager, engine: Engine, found: Catalogue) -> None:
    """Plant what the op modules bring along and what stands in the folder of definitions; make the first run if wanted."""
    changed = _plant_calendars(manager, engine)
    if "scheduler" in manager.settings.roles:
        engine.daily(partial(_plant_calendars, manager, engine, kept=timedelta(hours=1)), "calendars")
    plant = partial(planting.plant_documents, manager.database, found, found.documents, rhythm=manager.settings.rhythm)
    if planted := [*changed, *plant()]:
        _log.info("planted", what=planted)
    if any(item.action == "restore" for item in manager.apply_own_folder(found)):
        # What a file stood over is the release's again: the newest one's.
        plant()
    _first_run(manager)


def _plant_calendars(manager: PipelineManager, engine: Engine, kept: timedelta = CALENDARS_KEPT) -> list[str]:
    """Ask for the exchanges' sessions unless they are younger than that; warn of what ends soon. The ids of what changed."""
    with manager.database.read() as connection:
        stale = calendar_sources.planted_before(connection, clock.now() - kept)
    changed = manager.plant_calendars(_sessions(engine)) if stale else []
    manager.warn_of_calendars()
    return changed


def _sessions(engine: Engine) -> Any:
    """The exchanges' sessions as a child knows them; nothing, with an error in the log, when it cannot say."""
    try:
        return engine.queries.ask("calendar_sessions", {}, timeout=60)
    except OpenbellError as error:
        _log.error("no calendar was planted", error=str(error))
        return {}


def _first_run(manager: PipelineManager) -> None:
    settings = manager.settings
    if not settings.first_run or settings.source == "rqdatac":
        return
    with manager.database.read() as connection:
        if runs.page(connection, runs.Filter(), None, 1):
            return
    try:
        run, _ = manager.enqueue(FIRST_JOB, RunRequest(note="first run"), by="service")
    except OpenbellError as error:
        _log.error("no first run", job=FIRST_JOB, error=str(error))
    else:
        _log.info("first run enqueued", job=FIRST_JOB, run=run["id"])


def serve(settings: Settings, forkserver: ForkServer) -> None:
    """Run the service, its run processes from that forkserver, until it is told to stop.

    Raises ConfigurationError when it cannot listen or open its database.
    """
    journal.configure(settings.log_level)
    if settings.url.startswith("sqlite") and sqlite.module().sqlite_version_info < sqlite.SAFE:
        _log.warning("this SQLite may lose commits in WAL mode", version=sqlite.module().sqlite_version)
    with occupancy.shared(settings.data_dir), occupancy.roles(settings.data_dir, _only_here(settings)):
        if "api" in settings.roles:
            # Before anything else is started: a port that is taken is found out first.
            listening = web.listen(settings)
            service = Service(settings, forkserver)
            web.serve(create_app(service), settings, listening, service.begin_stop, service.engine.hurry)
        else:
            _work(Service(settings, forkserver))


def _only_here(settings: Settings) -> tuple[str, ...]:
    """The roles that this process must not share; on PostgreSQL any number may have each."""
    return settings.roles if sqlite.file_of(settings.url) is not None else ()


def _work(service: Service) -> None:
    """A process without a face: works until it is told to stop, and opens no port."""
    told, tell = os.pipe()
    # Nothing else in a handler: it runs between any two instructions of this thread.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(tell, b"!"))
    service.start()
    _log.info("working", roles=list(service.settings.roles), data_dir=str(service.settings.data_dir))
    os.read(told, 1)
    _log.info("stopping; once more to wait for no run")
    stopped = service.begin_stop()
    stopped.add_done_callback(lambda _: os.write(tell, b"."))
    while os.read(told, 1) == b"!":
        service.engine.hurry()
    stopped.result()
    service.database.close()
    _log.info("stopped")
