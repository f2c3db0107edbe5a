"""Jobs whose runs count as another job's for what waits for it: a repair of a trade date stands for the run that it corrects."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping

from app.store import definitions
from app.store.definitions import Definition

TAG = "stands_for"
"""The tag that names the job stood for. A run that published nothing stands for none."""


def of(connection: Connection, jobs: Sequence[str]) -> list[str]:
    """The jobs that stand for one of these and are none of them."""
    if not jobs:
        return []
    found = definitions.every(connection, "job")
    return [each.name for each in found if each.document.get("tags", {}).get(TAG) in jobs and each.name not in jobs]


def meant(trigger: Definition, upstream: RowMapping) -> RowMapping | None:
    """The run as the trigger counts it: under its own job, or the one stood for; None when it waits for neither any more."""
    jobs = trigger.document["when"].get("jobs", [])
    if upstream["job"] in jobs:
        return upstream
    stood_for = upstream["tags"].get(TAG)
    as_if: Any = {**upstream, "job": stood_for}
    return as_if if stood_for in jobs else None
