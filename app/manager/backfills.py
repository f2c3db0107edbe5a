"""The backfills' half of the manager: planned from what is missing, then run chunk by chunk, paused, resumed, cancelled."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from app import clock
from app.definitions.backfill import RANGE_PARAMS, Backfill, parse_backfill
from app.definitions.catalogue import Catalogue
from app.definitions.params import effective_params
from app.definitions.pipeline import content_hash
from app.errors import Fault, Invalid, OpenbellError, QueueFull, Unavailable
from app.manager.queries import Queries
from app.store import audit, backfill_plan, backfilling, backfills, calendars, catalogue, firing, idempotency, views
from app.store.acceptance import job_and_pipeline
from app.store.backfill_plan import Gaps, Plan
from app.store.database import Connection, Database
from app.store.definitions import Definition

SHOWN = 100
"""Chunks that a plan lists at most."""

BARS = "daily_bars"
_LONGEST_SECONDS = 30


class Backfills:
    """A job done again for the trade dates of a range."""

    database: Database
    queries: Queries | None

    def plan_backfill(self, job: str, document: object) -> dict[str, Any]:
        """What it would do; nothing is stored. Raises NotFound, Invalid with every fault, Conflict, Unavailable."""
        wanted = parse_backfill(document, clock.market_date())
        gaps = self._gaps(job, wanted)
        with self.database.read() as connection:
            backfilling.refuse_overlap(connection, job, wanted.first, wanted.last)
            return _plan_view(connection, job, wanted, _plan(connection, job, wanted, gaps))

    def create_backfill(
        self, job: str, document: object, *, by: str, idempotency_key: str | None = None
    ) -> tuple[dict[str, Any], bool]:
        """Make it and begin its first chunks; its view, and whether the idempotency key had made it before.

        Raises as plan_backfill, and QueueFull. Later it needs no room: each further chunk takes the place of one that ended.
        """
        wanted = parse_backfill(document, clock.market_date())
        gaps = self._gaps(job, wanted)

        def work(connection: Connection) -> tuple[dict[str, Any], bool]:
            def make() -> dict[str, Any]:
                if (limit := firing.full_queue(connection)) is not None:
                    raise QueueFull(f"{limit} runs wait already.", hint="Try again later, or raise OPENBELL_QUEUE_LIMIT.")
                row = backfilling.create(connection, job, wanted, _plan(connection, job, wanted, gaps), by)
                audit.add(connection, by, "create", "backfill", row["id"], {"job": job, **wanted.document})
                return _view(row)

            scope = f"{by} POST /jobs/{job}/backfills"
            return idempotency.once(connection, scope, idempotency_key, content_hash(wanted.document), make)

        return self.database.write(work)

    def get_backfill(self, backfill: str) -> dict[str, Any]:
        """One, with its progress. Raises NotFound."""
        with self.database.read() as connection:
            return _view(backfills.get(connection, backfill))

    def list_backfills(
        self, *, job: str | None = None, status: str | None = None, before: str | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """Backfills, newest first."""
        with self.database.read() as connection:
            return [_view(row) for row in backfills.page(connection, job=job, status=status, before=before, limit=limit)]

    def backfill_chunks(self, backfill: str, *, after: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Its chunks in the order in which they are done. Raises NotFound."""
        with self.database.read() as connection:
            backfills.get(connection, backfill)
            found = backfills.chunk_page(connection, backfill, after, limit)
            return [{**views.row_view(row), "status": row["outcome"] or row["status"] or "waiting"} for row in found]

    def pause_backfill(self, backfill: str, *, by: str) -> dict[str, Any]:
        """Begin no further chunk; what is under way ends. Raises NotFound, Conflict."""
        return self._done(backfilling.pause, "pause", backfill, by)

    def resume_backfill(self, backfill: str, *, by: str) -> dict[str, Any]:
        """Go on with the next chunk. Raises NotFound, Conflict."""
        return self._done(backfilling.resume, "resume", backfill, by)

    def cancel_backfill(self, backfill: str, *, by: str) -> dict[str, Any]:
        """Begin no further chunk, and ask what is under way to stop. Raises NotFound, Conflict."""
        return self._done(backfilling.cancel, "cancel", backfill, by)

    def _done(self, verb: Callable[[Connection, str], dict[str, Any]], name: str, backfill: str, by: str) -> dict[str, Any]:
        def work(connection: Connection) -> dict[str, Any]:
            row = verb(connection, backfill)
            audit.add(connection, by, name, "backfill", backfill)
            return _view(row)

        return self.database.write(work)

    def _gaps(self, job: str, wanted: Backfill) -> Gaps | None:
        """What the data lack, where that decides; asked before any transaction, and whatever else is wrong is told first."""
        with self.database.read() as connection:
            pipeline = _checked(connection, job, wanted)[1]
            dataset = wanted.dataset or (BARS if _handles_datasets(pipeline, catalogue.current(connection)) else None)
        if wanted.only != "missing" or dataset is None:
            return None
        hint = 'Try again, or ask for "only": "all" or "failed", which need no data.'
        if self.queries is None:
            raise Unavailable("Nobody here can tell which data are missing.", hint=hint)
        asked = {"dataset": dataset, "start_date": wanted.document["from"], "end_date": wanted.document["to"]}
        try:
            answer = self.queries.ask("missing_dates", asked, timeout=_LONGEST_SECONDS)
        except Unavailable as error:
            raise Unavailable(f"Which data are missing could not be told: {error.detail}", hint=hint) from error
        except OpenbellError as error:
            raise Invalid("The backfill is not valid.", faults=[Fault("/dataset", f"{dataset!r} {error.detail}")]) from error
        start = answer["history_from"]
        days = {date.fromisoformat(day): rows for day, rows in answer["days"].items()}
        return Gaps(days, date.fromisoformat(start) if start else None)


def _checked(connection: Connection, name: str, wanted: Backfill) -> tuple[Definition, Definition]:
    """The job and its pipeline. Raises NotFound, and Invalid for what this job cannot be asked."""
    job, pipeline = job_and_pipeline(connection, name)
    if job.document.get("calendar") is None:
        fault = Fault("/path/name", f"the job {name!r} has no calendar: its runs have no trade dates")
        hint = f'Give it one: PUT /api/v1/jobs/{name} with "calendar": "XSHG".'
        raise Invalid("This job cannot be backfilled.", faults=[fault], hint=hint)
    declared = pipeline.document.get("params", {})
    missing = [param for param in RANGE_PARAMS if param not in declared]
    if wanted.chunk != "date" and missing:
        sentence = f"{wanted.chunk!r} needs a pipeline that takes {' and '.join(RANGE_PARAMS)}; {pipeline.name!r} does not"
        raise Invalid("The backfill is not valid.", faults=[Fault("/chunk", sentence)], hint='Use "chunk": "date".')
    ends = (
        {} if wanted.chunk == "date" else dict(zip(RANGE_PARAMS, (wanted.document["from"], wanted.document["to"]), strict=True))
    )
    effective_params(pipeline.document, job.document.get("params") or {}, {**wanted.params, **ends})
    return job, pipeline


def _handles_datasets(pipeline: Definition, found: Catalogue) -> bool:
    """Whether an op of the pipeline takes or gives a dataset: then the lake can tell what is missing."""
    ops = [found.op(node["op"]) for node in pipeline.document["nodes"]]
    return any(port.kind == "dataset" for op in ops if op is not None for port in (*op.inputs, *op.outputs))


def _plan(connection: Connection, name: str, wanted: Backfill, gaps: Gaps | None) -> Plan:
    job, _ = _checked(connection, name, wanted)
    calendar = calendars.load(connection, job.document["calendar"])
    return backfill_plan.plan(connection, name, wanted, calendar, gaps, clock.now())


def _plan_view(connection: Connection, name: str, wanted: Backfill, plan: Plan) -> dict[str, Any]:
    job, _ = _checked(connection, name, wanted)
    calendar = calendars.load(connection, job.document["calendar"])
    history = backfill_plan.history(connection, name, calendar, ranges=wanted.chunk != "date")
    together = min(wanted.max_concurrent_runs, job.document.get("max_concurrent_runs") or 1, max(1, len(plan.chunks)))
    rows = plan.rows if plan.rows is not None else _times(history.rows, plan.sessions)
    return {
        "job": name,
        "request": wanted.document,
        "runs": len(plan.chunks),
        "trade_dates": plan.sessions,
        "rows": None if rows is None else round(rows),
        "seconds": _times(history.seconds, plan.sessions / together),
        "vendor_bytes": None,
        "history_runs": history.runs,
        "chunks": [
            {"first_date": chunk.first.isoformat(), "last_date": chunk.last.isoformat(), "sessions": chunk.sessions}
            for chunk in plan.chunks[:SHOWN]
        ],
        "left_out": list(plan.left_out),
    }


def _times(each: float | None, count: float) -> float | None:
    return None if each is None else each * count


def _view(row: Mapping[str, Any]) -> dict[str, Any]:
    done = row["succeeded"] + row["failed"] + row["cancelled"]
    left = row["total"] - done
    final = row["finished_at"] is not None
    together = max(1, min(row["request"].get("max_concurrent_runs", 1), left))
    remaining = 0.0 if final else row["seconds"] / done * left / together if done else None
    return {
        **views.row_view(dict(row)),
        "from": views.shown(row["first_date"]),
        "to": views.shown(row["last_date"]),
        "done": done,
        "running": row["started"] - done,
        "percent": 100.0 if not row["total"] else round(100 * done / row["total"], 1),
        "remaining_seconds": remaining,
    }
