"""PipelineManager: definitions and runs by one set of commands, in the service as in a notebook on its data dir."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import settings as settings_module
from app.definitions.catalogue import Catalogue
from app.definitions.pipeline import content_hash
from app.errors import Conflict, Invalid, NotFound, NoWorker, QueueFull
from app.manager.backfills import Backfills
from app.manager.calendars import Calendars
from app.manager.checking import checked
from app.manager.deadlines import Deadlines
from app.manager.factors import Factors
from app.manager.folders import Folders
from app.manager.operation import Operation
from app.manager.people import People
from app.manager.quality import Quality
from app.manager.quarantine import Quarantine
from app.manager.queries import Queries
from app.manager.releases import Releases
from app.manager.repair import Repairs
from app.manager.reproducing import reproduction_of
from app.manager.retrying import retry
from app.manager.rows import Rows
from app.manager.snapshots import Snapshots
from app.manager.timing import Timing
from app.settings import Settings
from app.store import audit, catalogue, claims, definitions, filed, idempotency, insights, pools, runs, saving, views, workers
from app.store.acceptance import Cause, RunRequest, accept, as_date
from app.store.changes import ended_topic
from app.store.database import Connection, Database
from app.store.definitions import Definition, Kind, Saved
from app.store.status import RunStatus

WAIT_LIMIT = 60
"""Seconds that a face waits at most for a run."""


class PipelineManager(
    Releases,
    Snapshots,
    Rows,
    Operation,
    Timing,
    Deadlines,
    People,
    Calendars,
    Folders,
    Backfills,
    Factors,
    Repairs,
    Quarantine,
    Quality,
):
    """Register, run, watch, cancel and retry. Answers plain dicts as the HTTP contract shows them."""

    def __init__(self, database: Database, settings: Settings, queries: Queries | None = None) -> None:
        super().__init__(database, settings, queries)
        self._queued: tuple[float, int] = (0.0, 0)

    @classmethod
    def open(cls, data_dir: str | Path | None = None, **settings: object) -> "PipelineManager":
        """The manager of a data dir, for a notebook or a script; the service may run beside it.

        Raises NotFound where no service has made its database yet.
        """
        overrides = {**settings, **({"data_dir": Path(data_dir)} if data_dir is not None else {})}
        loaded = settings_module.load(**overrides)
        place = loaded.url.removeprefix("sqlite:///")
        if place != loaded.url and not Path(place).is_file():
            hint = "Name the data dir of a service that has been started once: openbell serve."
            raise NotFound(f"There is no database {Path(place).absolute()}.", hint=hint)
        return cls(Database(loaded.url, queue_limit=loaded.queue_limit), loaded)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def remarks(self) -> dict[str, str]:
        """What is wrong and keeps nothing from working, by what it is about."""
        return {**self.folder_remarks(), **self.calendar_remarks(), **self.op_remarks()}

    def catalogue(self) -> Catalogue:
        """What the workers' children have. Raises CataloguePending until the first child has said so."""
        with self.database.read() as connection:
            return catalogue.current(connection)

    # Definitions

    def register_pipeline(self, document: object, *, by: str = "api", create_only: bool = False) -> Saved:
        """Store a pipeline, or a new version of it. Raises Invalid with every fault; AlreadyExists if `create_only`."""
        return self.register("pipeline", document, by=by, create_only=create_only)

    def register_job(self, name: str, job_def: Any, *, by: str = "api", create_only: bool = False) -> Saved:
        """Store a job from its document, or from what @job made: then with its pipeline. Raises as register_pipeline."""
        if hasattr(job_def, "pipeline_document"):
            self.register_pipeline(job_def.pipeline_document, by=by)
            job_def = job_def.job_document
        if not isinstance(job_def, Mapping):
            raise Invalid(f"A job is a document or what @job made, not {type(job_def).__name__}.")
        return self.register("job", {**job_def, "name": name}, by=by, create_only=create_only)

    def register(self, kind: Kind, document: object, *, by: str = "api", create_only: bool = False) -> Saved:
        """Store a definition of any kind. Raises Invalid with every fault; ManagedByFile; AlreadyExists if `create_only`."""

        def save(connection: Connection) -> Saved:
            found = catalogue.current(connection)
            known_pools = pools.sizes(connection)
            valid, uses = checked(connection, found, kind, document, known_pools)
            # Not part of any version: a document that is read, changed and sent back says nothing new by it.
            valid.pop("paused", None)
            key = content_hash(valid)
            filed.refuse(connection, kind, valid["name"], self.settings.definitions_dir, unless=key)
            saved = saving.save(connection, kind, valid, key, by=by, uses=uses, create_only=create_only)
            if saved.changed:
                detail = {"version": saved.definition.version}
                audit.add(connection, by, "create" if saved.created else "change", kind, valid["name"], detail)
            if isinstance(document, Mapping) and "paused" in document:
                return replace(saved, definition=self._pause(connection, kind, valid["name"], paused=document["paused"], by=by))
            return saved

        return self.database.write(save)

    def validate_pipeline(self, document: object) -> dict[str, Any]:
        """The canonical document that registering would store. Raises Invalid with every fault."""
        with self.database.read() as connection:
            found = catalogue.current(connection)
            known_pools = pools.sizes(connection)
            return checked(connection, found, "pipeline", document, known_pools)[0]

    def definition(self, kind: Kind, name: str, version: int | None = None) -> Definition:
        """A definition, its latest version unless told. Raises NotFound."""
        with self.database.read() as connection:
            return definitions.get(connection, kind, name, version)

    def definitions(
        self, kind: Kind, *, after: str = "", limit: int = 100, tag: tuple[str, str] | None = None
    ) -> list[Definition]:
        """The latest versions by name; with `tag`, of those that bear it."""
        with self.database.read() as connection:
            return definitions.page(connection, kind, after, limit, tag)

    def versions(self, kind: Kind, name: str) -> list[Definition]:
        """Every version, newest first. Raises NotFound."""
        with self.database.read() as connection:
            return definitions.history(connection, kind, name)

    def pause(self, kind: Kind, name: str, *, paused: bool = True, by: str = "api") -> Definition:
        """Pause or resume it: a paused job's runs wait. Raises NotFound."""
        return self.database.write(lambda connection: self._pause(connection, kind, name, paused=paused, by=by))

    @staticmethod
    def _pause(connection: Connection, kind: Kind, name: str, *, paused: bool, by: str) -> Definition:
        before = definitions.get(connection, kind, name)
        if (before.paused_at is not None) == paused:
            return before
        audit.add(connection, by, "pause" if paused else "resume", kind, name)
        return saving.pause(connection, kind, name, paused=paused)

    def delete(self, kind: Kind, name: str, *, by: str = "api") -> None:
        """Delete it; its history stays. Raises NotFound, ManagedByFile, or InUse with the users."""

        def mark(connection: Connection) -> None:
            filed.refuse(connection, kind, name, self.settings.definitions_dir)
            saving.delete(connection, kind, name)
            audit.add(connection, by, "delete", kind, name)

        self.database.write(mark)

    # Runs

    def run_job(
        self,
        job_name: str,
        *,
        trade_date: Any = None,
        tags: Mapping[str, str] | None = None,
        wait: float | None = None,
        **params: Any,
    ) -> dict[str, Any]:
        """Enqueue a run of the job with these params; with `wait`, answer when it is final or the seconds are over.

        Raises NotFound, Invalid, QueueFull; NoWorker when it is to wait and nobody would execute the run.
        """
        request = RunRequest(params=params, trade_date=as_date(trade_date), tags=tags or {})
        if wait is not None:
            self.require_worker()
        run, _ = self.enqueue(job_name, request, by="manager")
        return self.wait_run(run["id"], wait) if wait is not None else run

    def enqueue(
        self,
        job_name: str,
        request: RunRequest,
        *,
        by: str,
        cause: Cause = Cause(),  # noqa: B008 - frozen
        idempotency_key: str | None = None,
    ) -> tuple[dict[str, Any], bool]:
        """Accept a run; its view, and whether the idempotency key had made it before. Durable when this returns."""

        def work(connection: Connection) -> tuple[dict[str, Any], bool]:
            def make() -> dict[str, Any]:
                new = accept(connection, catalogue.current(connection), job_name, request, cause)
                return self._enqueued(connection, runs.enqueue(connection, new), by)

            scope = f"{by} POST /jobs/{job_name}/runs"
            return idempotency.once(connection, scope, idempotency_key, content_hash(request.plain()), make)

        self._check_queue()
        return self.database.write(work)

    def retry_run(
        self, run_id: str, start: str = "failed", *, note: str | None = None, by: str = "api", idempotency_key: str | None = None
    ) -> tuple[dict[str, Any], bool]:
        """A new run that retries this one from `failed`, `start` or a node. Raises NotFound, Conflict, Invalid."""

        def work(connection: Connection) -> tuple[dict[str, Any], bool]:
            def make() -> dict[str, Any]:
                new = retry(connection, catalogue.current(connection), run_id, start, note)
                return self._enqueued(connection, runs.enqueue(connection, new), by)

            scope = f"{by} POST /runs/{run_id}/retry"
            return idempotency.once(connection, scope, idempotency_key, content_hash({"from": start, "note": note}), make)

        self._check_queue()
        return self.database.write(work)

    def reproduce_run(self, run_id: str, *, by: str = "api", idempotency_key: str | None = None) -> tuple[dict[str, Any], bool]:
        """A new run that makes again what this one made, and compares instead of publishing. Raises NotFound, Conflict."""

        def work(connection: Connection) -> tuple[dict[str, Any], bool]:
            def make() -> dict[str, Any]:
                new = reproduction_of(connection, catalogue.current(connection), run_id)
                return self._enqueued(connection, runs.enqueue(connection, new), by)

            return idempotency.once(connection, f"{by} POST /runs/{run_id}/reproduce", idempotency_key, "", make)

        self._check_queue()
        return self.database.write(work)

    @staticmethod
    def _enqueued(connection: Connection, accepted: runs.Accepted, by: str) -> dict[str, Any]:
        audit.add(connection, by, "enqueue", "run", accepted.id, {"job": accepted.run["job"]})
        return views.accepted_view(accepted)

    def _check_queue(self) -> None:
        """Raise QueueFull at the limit. The count may be a second old: exactness is not worth a scan of a long queue."""
        counted_at, count = self._queued
        if time.monotonic() - counted_at > 1:
            with self.database.read() as connection:
                count = runs.queued(connection)
            self._queued = (time.monotonic(), count)
        if count >= self.settings.queue_limit:
            raise QueueFull(f"{count} runs wait already.", hint="Try again later, or raise OPENBELL_QUEUE_LIMIT.")

    def cancel_run(self, run_id: str, *, by: str = "api") -> dict[str, Any]:
        """Ask the run to stop; a queued one is cancelled at once. Raises NotFound, or Conflict when it is final."""

        def mark(connection: Connection) -> dict[str, Any]:
            before = runs.status(connection, run_id)
            if before.is_final:
                raise Conflict(f"Run {run_id} has ended already: it is {before}.")
            claims.request_cancel(connection, run_id)
            audit.add(connection, by, "cancel", "run", run_id)
            return views.run_view(connection, run_id)

        return self.database.write(mark)

    def get_run(self, run_id: str) -> dict[str, Any]:
        """A run with its steps. Raises NotFound."""
        with self.database.read() as connection:
            return views.run_view(connection, run_id, self.database.lack())

    def list_runs(self, wanted: runs.Filter, *, before: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Runs, newest first, without their steps."""
        with self.database.read() as connection:
            return views.run_views(
                connection, runs.page(connection, wanted, before, limit), with_steps=False, lack=self.database.lack()
            )

    def wait_run(self, run_id: str, seconds: float | None) -> dict[str, Any]:
        """The run once it is final, or as it is when the seconds are over. Blocks its thread; a face waits otherwise."""
        until = time.monotonic() + (seconds if seconds is not None else float("inf"))
        with self.database.changes.flag(ended_topic(run_id)) as changed:
            while True:
                changed.clear()
                run = self.get_run(run_id)
                left = until - time.monotonic()
                if RunStatus(run["status"]).is_final or left <= 0:
                    return run
                # Another process may execute the run: its commits set no flag here.
                changed.wait(min(left, 0.2))

    def require_worker(self) -> None:
        """Raise NoWorker when nobody would execute a run."""
        with self.database.read() as connection:
            if not workers.any_alive(connection):
                raise NoWorker("No worker is alive: the run would wait.", hint="Start one: openbell serve.")

    def get_job_status(self, job_name: str, window: str = insights.DEFAULT_WINDOW, *, backfills: bool = False) -> dict[str, Any]:
        """name, last_run, status, duration, success_rate, and more; backfills count in rates if asked. Raises NotFound."""
        with self.database.read() as connection:
            calendar = definitions.get(connection, "job", job_name).document.get("calendar")
            stretch = insights.window(connection, window, calendar)
            return insights.job_status(connection, job_name, calendar, stretch, backfills=backfills)

    def get_job_metrics(self, job_name: str, window: str = insights.DEFAULT_WINDOW, *, backfills: bool = False) -> dict[str, Any]:
        """Counts, rates, percentiles and step metrics of a job, of backfills too if asked. Raises NotFound."""
        with self.database.read() as connection:
            calendar = definitions.get(connection, "job", job_name).document.get("calendar")
            stretch = insights.window(connection, window, calendar)
            return insights.job_metrics(connection, job_name, stretch, backfills=backfills)

    def queue(self) -> dict[str, Any]:
        """What waits and runs, what keeps every run from beginning, and how this process's writer does."""
        with self.database.read() as connection:
            found = insights.queue(connection)
        return {**found, "waiting_for": self.database.lack(), "writer": self.database.writer()}
