"""The catalogue as rows: what the ops of each code version are, so that it is known before the first child speaks."""

import hashlib

from sqlalchemy import Connection, delete, func, insert, select, update

from app import clock
from app.definitions.catalogue import BrokenModule, Catalogue, OpSpec, QuerySpec
from app.errors import CataloguePending
from app.store.columns import json_text
from app.store.tables import catalogue

_KEPT = 8
"""Code versions whose catalogue is kept."""


_CURRENT = select(catalogue.c.digest).order_by(catalogue.c.seen_at.desc()).limit(1)


def digest(found: Catalogue) -> str:
    """What tells two workers with other code apart."""
    return hashlib.sha256(json_text(found.model_dump(mode="json", exclude={"documents"})).encode()).hexdigest()[:16]


def save(connection: Connection, found: Catalogue) -> str:
    """Store the catalogue and make it the current one; answers its digest."""
    key, now = digest(found), clock.now()
    if connection.execute(update(catalogue).where(catalogue.c.digest == key).values(seen_at=now)).rowcount:
        return key
    specs: list[tuple[str, str, str | None, OpSpec | QuerySpec | BrokenModule]] = [
        *(("op", spec.name, spec.code_version, spec) for spec in found.ops),
        *(("query", query.name, None, query) for query in found.queries),
        *(("module", broken.module, None, broken) for broken in found.broken),
    ]
    rows = [
        {"digest": key, "kind": kind, "name": name, "code_version": version, "spec": spec.model_dump(mode="json"), "seen_at": now}
        for kind, name, version, spec in specs
    ]
    if rows:
        connection.execute(insert(catalogue), rows)
    newest = select(catalogue.c.digest).group_by(catalogue.c.digest)
    kept = connection.execute(newest.order_by(func.max(catalogue.c.seen_at).desc()).limit(_KEPT)).scalars().all()
    connection.execute(delete(catalogue).where(catalogue.c.digest.not_in(kept)))
    return key


def current_digest(connection: Connection) -> str | None:
    """The digest of the catalogue that was seen last; None before the first."""
    return connection.execute(_CURRENT).scalar()


def difference(one: Catalogue, other: Catalogue) -> list[str]:
    """Names of the ops that only one of both has, or each in a version of its own."""
    versions = [{spec.name: spec.code_version for spec in found.ops} for found in (one, other)]
    return sorted(name for name in versions[0].keys() | versions[1].keys() if versions[0].get(name) != versions[1].get(name))


_loaded: dict[str, Catalogue] = {}


def current(connection: Connection) -> Catalogue:
    """The catalogue that was seen last. Raises CataloguePending until a first child has said what there is."""
    key = current_digest(connection)
    if key is None:
        raise CataloguePending("The ops are still being loaded.", hint="Try again in a second.")
    if key not in _loaded:
        # A digest is of the content: it means the same in every database.
        _loaded.clear()
        _loaded[key] = load(connection, key)
    return _loaded[key]


def load(connection: Connection, key: str) -> Catalogue:
    """The catalogue of that digest."""
    query = select(catalogue.c.kind, catalogue.c.spec).where(catalogue.c.digest == key).order_by(catalogue.c.name)
    rows = connection.execute(query).all()
    specs = {kind: [row.spec for row in rows if row.kind == kind] for kind in ("op", "query", "module")}
    return Catalogue.model_validate({"ops": specs["op"], "queries": specs["query"], "broken": specs["module"]})
