"""Jobs whose runs count as another job's for what waits for it: a repair of a trade date stands for the run that it corrects."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping

from app.store import definitions
from app.store.definitions import Definition


def of(connection: Connection, jobs: Sequence[str]) -> list[str]:
    """The jobs that stand for one of these and are none of them."""
    if not jobs:
        return []
    found = definitions.every(connection, "job")
    return [each.name for each in found if each.document.get("stands_for") in jobs and each.name not in jobs]


def stood_for(connection: Connection, run: Mapping[Any, Any]) -> str | None:
    """The job for whose run this one counts, by the version of its job that it is of."""
    job = definitions.find(connection, "job", run["job"], run["job_version"])
    named: str | None = job.document.get("stands_for") if job else None
    return named


def meant(connection: Connection, trigger: Definition, upstream: RowMapping) -> RowMapping | None:
    """The run as the trigger counts it: under its own job, or the one stood for; None when it waits for neither any more.

    Counted for another's it has `stands_in`.
    """
    jobs = trigger.document["when"].get("jobs", [])
    if upstream["job"] in jobs:
        return upstream
    other = stood_for(connection, upstream)
    as_if: Any = {**upstream, "job": other, "stands_in": True}
    return as_if if other in jobs else None
