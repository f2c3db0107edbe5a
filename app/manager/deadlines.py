"""The half of the manager that knows what is promised, and why something is not there."""

from datetime import date
from typing import Any

from app import clock
from app.definitions.promises import sentence
from app.errors import NotFound
from app.store import deadlines, definitions, freshness, promises, views, why
from app.store.database import Connection, Database
from app.store.definitions import Definition


class Deadlines:
    """Deadlines as they stand, and their promises."""

    database: Database

    def deadline_view(self, found: Definition) -> dict[str, Any]:
        """A deadline as it is shown: its document, what that means, when it is due next, what became of its newest promise."""
        with self.database.read() as connection:
            newest = promises.newest(connection, [found.name]).get(found.name)
            return {
                **views.definition_view(found),
                **_meaning(connection, found),
                "latest": views.row_view(dict(newest)) if newest else None,
            }

    def list_promises(self, name: str, *, before: date | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """What became of each trade date of a deadline, the newest first. Raises NotFound for a name that never was."""
        with self.database.read() as connection:
            # What was deleted keeps its promises' rows.
            if definitions.find(connection, "deadline", name, 1) is None:
                definitions.get(connection, "deadline", name)
            return [views.row_view(dict(row)) for row in promises.page(connection, name, before=before, limit=limit)]

    def why(self, job_name: str, trade_date: date | None = None) -> dict[str, Any]:
        """Why the job is not done for that trade date, or for the newest one that it should have run for. Raises NotFound."""
        with self.database.read() as connection:
            return why.explain(connection, job_name, trade_date, self.database.lack())


def _meaning(connection: Connection, found: Definition) -> dict[str, Any]:
    document, warnings = found.document, []
    if (dataset := document.get("dataset")) and not freshness.is_published(connection, dataset):
        warnings.append(f"Nothing of the dataset {dataset!r} is published yet: if that is not its name, it never will be.")
    try:
        name = deadlines.calendar_of(connection, document)
        promises_of = deadlines.table(connection, document)
        promise = promises_of.next_after(clock.now())
        warnings += [promises_of.too_early(promise)] if promise is not None and promises_of.too_early(promise) else []
    except NotFound as error:
        return {"means": "", "warnings": [*warnings, error.detail], "next_due_at": None}
    following = views.shown(promise.due_at) if promise is not None and found.paused_at is None else None
    return {"means": sentence(document, name), "warnings": warnings, "next_due_at": following}
