"""What a start brings along: shipped definitions, planted once."""

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

import structlog

from app.definitions.catalogue import Catalogue, ShippedDocument
from app.definitions.job import parse_job
from app.definitions.pipeline import content_hash, parse_pipeline
from app.definitions.schedule import parse_schedule
from app.definitions.trigger import parse_trigger
from app.errors import OpenbellError
from app.store import definitions, pools
from app.store.acceptance import job_and_pipeline
from app.store.database import Connection, Database

_log = structlog.get_logger("openbell.planting")


def plant_documents(database: Database, catalogue: Catalogue, documents: Iterable[ShippedDocument]) -> list[str]:
    """Store the shipped definitions that a user neither changed nor deleted, each by itself; answers which were stored.

    One that does not fit the catalogue is left out and logged: a broken module must not stop the start.
    """
    planted = []
    for shipped in documents:
        try:
            if database.write(partial(plant, catalogue=catalogue, shipped=shipped)):
                planted.append(f"{shipped.kind} {shipped.document['name']}")
        except OpenbellError as error:
            _log.error("shipped definition not planted", kind=shipped.kind, name=shipped.document.get("name"), error=str(error))
    return planted


def plant(connection: Connection, catalogue: Catalogue, shipped: ShippedDocument) -> bool:
    """Store one shipped definition; False when the user's own stands, or nothing changed."""
    if shipped.kind == "pool":
        return _plant_pool(connection, shipped.document)
    known_pools = [pool["name"] for pool in pools.all_named(connection)]
    document, uses = checked(connection, catalogue, shipped.kind, shipped.document, known_pools)
    paused = document.pop("paused", False)
    key, name = content_hash(document), document["name"]
    if not definitions.may_plant(connection, shipped.kind, name, key):
        return False
    saved = definitions.save(
        connection, shipped.kind, document, key, by=shipped.managed_by, uses=uses, managed_by=shipped.managed_by
    )
    definitions.mark_shipped(connection, shipped.kind, name, key)
    if paused and saved.created:
        definitions.pause(connection, shipped.kind, name, paused=True)
    if shipped.kind == "job":
        pools.resize(connection, pools.job_pool(name), document.get("max_concurrent_runs") or 1)
    return True


def checked(
    connection: Connection, catalogue: Catalogue, kind: str, document: object, known_pools: Collection[str]
) -> tuple[dict[str, Any], str | None]:
    """The valid document of any kind, and the name of what it uses. Raises Invalid with every fault."""
    if kind == "pipeline":
        return parse_pipeline(document, catalogue, pools=known_pools).document, None
    if kind in ("schedule", "trigger"):
        jobs = definitions.names(connection, "job")
        parse = parse_schedule if kind == "schedule" else parse_trigger
        fired = parse(document, jobs, pipeline_of=lambda job: job_and_pipeline(connection, job)[1].document).document
        return fired, fired["job"]
    job = parse_job(document, _pipeline_of(connection, document), pipelines=definitions.names(connection, "pipeline"))
    return job.document, job.pipeline


def _pipeline_of(connection: Connection, document: object) -> dict[str, Any] | None:
    """The pipeline document that a job's document names, if it names one that is there."""
    if not isinstance(document, dict) or not isinstance(document.get("pipeline"), str):
        return None
    version = document.get("pipeline_version")
    found = definitions.find(connection, "pipeline", document["pipeline"], version if isinstance(version, int) else None)
    return found.document if found else None


def _plant_pool(connection: Connection, document: dict[str, Any]) -> bool:
    if any(pool["name"] == document["name"] for pool in pools.all_named(connection)):
        return False
    pools.resize(connection, document["name"], document["size"], description=document.get("description"))
    return True
