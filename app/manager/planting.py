"""What a start brings along: shipped definitions, planted once."""

from collections.abc import Iterable
from functools import partial
from typing import Any, Literal

import structlog

from app.definitions.catalogue import Catalogue, ShippedDocument
from app.definitions.pipeline import content_hash
from app.errors import OpenbellError
from app.manager.checking import checked
from app.store import definitions, filed, pools, saving
from app.store.database import Connection, Database

_log = structlog.get_logger("openbell.planting")


def plant_documents(
    database: Database,
    catalogue: Catalogue,
    documents: Iterable[ShippedDocument],
    *,
    rhythm: Literal["live", "paused"] = "live",
) -> list[str]:
    """Store the shipped definitions that a user neither changed nor deleted, each by itself; answers which were stored.

    One that does not fit the catalogue is left out and logged: a broken module must not stop the start. `rhythm`: whether the
    shipped schedules and triggers begin to fire, or wait until somebody resumes them.
    """
    planted = []
    for shipped in documents:
        try:
            paused = rhythm == "paused" and shipped.managed_by == "catalog" and shipped.kind in ("schedule", "trigger")
            if database.write(partial(plant, catalogue=catalogue, shipped=shipped, paused=paused)):
                planted.append(f"{shipped.kind} {shipped.document['name']}")
        except OpenbellError as error:
            _log.error("shipped definition not planted", kind=shipped.kind, name=shipped.document.get("name"), error=str(error))
    return planted


def plant(connection: Connection, catalogue: Catalogue, shipped: ShippedDocument, *, paused: bool = False) -> bool:
    """Store one shipped definition; False when the user's own stands, or nothing changed. `paused`: it does not begin yet."""
    if shipped.kind == "pool":
        return _plant_pool(connection, shipped.document)
    known_pools = pools.sizes(connection)
    document, uses = checked(connection, catalogue, shipped.kind, shipped.document, known_pools)
    paused = document.pop("paused", False) or paused
    key, name = content_hash(document), document["name"]
    if not definitions.may_plant(connection, shipped.kind, name, key):
        return False
    saved = saving.save(connection, shipped.kind, document, key, by=shipped.managed_by, uses=uses, managed_by=shipped.managed_by)
    definitions.mark_shipped(connection, shipped.kind, name, key)
    if paused and saved.created:
        saving.pause(connection, shipped.kind, name, paused=True)
    return True


def _plant_pool(connection: Connection, document: dict[str, Any]) -> bool:
    if any(pool["name"] == document["name"] for pool in pools.all_named(connection)):
        return False
    pools.resize(connection, document["name"], document["size"], description=document.get("description"))
    filed.own(connection, "pool", document["name"], managed_by="catalog")
    return True
