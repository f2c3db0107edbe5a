"""Builds and wires the service: database, manager, engine, faces; starts and stops them in order."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from app import clock, journal
from app.api import application
from app.definitions.catalogue import Catalogue
from app.engine.engine import Engine
from app.engine.forkserver import ForkServer
from app.errors import ConfigurationError, OpenbellError
from app.manager import PipelineManager, planting
from app.manager.acceptance import RunRequest
from app.settings import Settings
from app.store import calendars, keys, migrate, runs, sqlite
from app.store.database import Connection, Database

_log = structlog.get_logger("openbell")
FIRST_JOB = "daily_full_pipeline"
CALENDARS_KEPT = timedelta(days=1)
"""How old planted sessions may be at a start: asking a child for them takes a second."""


def create_app(settings: Settings, forkserver: ForkServer) -> FastAPI:
    """The service as an ASGI application; its lifespan starts and stops the engine."""
    database = open_database(settings)
    manager = PipelineManager(database, settings)
    engine = Engine(database, settings, version("openbell"), forkserver)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        set_admin_key(database, settings)
        engine.start(lambda found: _learned(manager, engine, found))
        manager.queries = engine.queries
        try:
            yield
        finally:
            await asyncio.to_thread(engine.stop)
            database.close()

    app = application.build(manager, lifespan=lifespan, readiness=lambda: {**manager.readiness(), **engine.checks()})
    app.state.hurry = engine.hurry
    return app


def open_database(settings: Settings) -> Database:
    """Open the database at this code's schema: SQLite is migrated, PostgreSQL by its administrator's command."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    with database.read() as connection:
        found = migrate.revision(connection)
    migrate.refuse_newer(found)
    if found == migrate.HEAD:
        return database
    if not database.is_sqlite:
        raise ConfigurationError(
            f"The database has schema {found or 'none'}; this version of Openbell needs {migrate.HEAD}.",
            hint="Run: openbell db migrate",
        )
    # A process of its own: Alembic is needed once and would stay in memory.
    subprocess.run([sys.executable, "-P", "-m", "app.store.migrate", settings.url], check=True)
    return database


def set_admin_key(database: Database, settings: Settings) -> None:
    """Make the set admin key valid, or the one in `admin.key`, or a new one written there, for its owner's eyes only."""
    path = settings.data_dir / "admin.key"
    if settings.admin_key is not None:
        secret = settings.admin_key.get_secret_value()
    elif path.exists() and (secret := path.read_text().strip()):
        pass  # an empty file is what a full disk leaves: as good as none
    else:
        secret = f"openbell_admin_{secrets.token_urlsafe(32)}"
        _write_private(path, secret + "\n")
        _log.info("admin key made", file=str(path))
    database.write(lambda connection: keys.set_admin(connection, secret))


def _write_private(path: Path, text: str) -> None:
    """Write the file whole or not at all, for its owner's eyes only."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _learned(manager: PipelineManager, engine: Engine, found: Catalogue) -> None:
    """Plant what the op modules bring along, then make the first run if one is wanted."""
    with manager.database.read() as connection:
        stale = calendars.planted_before(connection, clock.now() - CALENDARS_KEPT)
    sessions = _sessions(engine) if stale else {}

    def plant(connection: Connection) -> list[str]:
        changed = planting.plant_calendars(connection, sessions)
        return [*changed, *planting.plant_documents(connection, found, found.documents)]

    if planted := manager.database.write(plant):
        _log.info("planted", what=planted)
    _first_run(manager)


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


class _Server(uvicorn.Server):
    """Writes where the service listens once it does, for the command line beside it; a second signal stops without grace."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings
        self._file = settings.data_dir / "service.json"

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            _write_private(self._file, json.dumps({"address": f"http://{shown}:{port}", "pid": os.getpid()}))
            _log.info("listening", address=f"http://{shown}:{port}", data_dir=str(self._settings.data_dir))

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self.should_exit:
            self.config.app.state.hurry()  # type: ignore[union-attr]  # uvicorn would take a name; ours is the app
        else:
            _log.info("stopping; once more to wait for no run")
        super().handle_exit(sig if not self.should_exit else signal.SIGTERM, frame)

    def _withdraw(self) -> None:
        # Another service on the data dir may have written its own address there since.
        with contextlib.suppress(FileNotFoundError, ValueError):
            if json.loads(self._file.read_text())["pid"] == os.getpid():
                self._file.unlink()

    async def shutdown(self, sockets: Any = None) -> None:
        self._withdraw()
        # Whoever waits for a run or reads a stream is answered now, or would be waited for.
        self.config.app.state.watch.stop()  # type: ignore[union-attr]  # as above
        await super().shutdown(sockets)
        _log.info("stopped")


def serve(settings: Settings, forkserver: ForkServer) -> None:
    """Run the service, its run processes from that forkserver, until it is told to stop.

    Raises ConfigurationError when it cannot listen or open its database.
    """
    journal.configure(settings.log_level)
    if settings.url.startswith("sqlite") and sqlite.module().sqlite_version_info < sqlite.SAFE:
        _log.warning("this SQLite may lose commits in WAL mode", version=sqlite.module().sqlite_version)
    # Before anything else is started: a port that is taken is found out first.
    listening = _listen(settings)
    config = uvicorn.Config(
        create_app(settings, forkserver),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(settings.grace_seconds)),
        lifespan="on",
        ws="none",
    )
    _Server(config, settings).run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror or error}.",
            hint="Set OPENBELL_PORT to another port (0: any free one), or stop what listens there.",
        ) from None
    return listening
