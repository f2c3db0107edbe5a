"""Applies a folder of definitions: all of it in one transaction, or nothing and every fault of every file."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple, cast

from app.definitions.catalogue import Catalogue
from app.definitions.documents import KINDS, Document, Key, Tree, path_of
from app.definitions.pipeline import content_hash
from app.definitions.pool import parse_pool
from app.errors import Fault, InUse, Invalid, ManagedByFile, OpenbellError
from app.manager.checking import checked
from app.manager.folder_items import IDLE, Item, Way, awaited, decide, in_order, used, vanished, with_pause
from app.store import audit, definitions, filed, pools, saving
from app.store.database import Connection, Database
from app.store.definitions import Kind
from app.store.filed import Standing

_USED_KINDS = ("pool", "pipeline", "job")
"""Kinds that others use: what nobody uses is deleted before anything is stored, these after everything is."""


class _Undone(Exception):
    """Everything was possible, and is undone."""

    def __init__(self, planned: "Planned") -> None:
        self.planned = planned


class Planned(NamedTuple):
    """What becomes of each document, and what a folder that is sent would be refused for."""

    items: list[Item]
    refusal: OpenbellError | None = None


def apply(database: Database, catalogue: Catalogue, tree: Tree, way: Way) -> list[Item]:
    """Make the definitions what the folder says; answers what became of each.

    Raises Invalid with every fault; InUse for what `prune` would delete and others use; ManagedByFile for what stands in the
    service's own folder.
    """
    return _done(database, catalogue, tree, way, dry=False).items


def plan(database: Database, catalogue: Catalogue, tree: Tree, way: Way) -> Planned:
    """What applying the folder would do. Raises Invalid with every fault."""
    return _done(database, catalogue, tree, way, dry=True)


def _done(database: Database, catalogue: Catalogue, tree: Tree, way: Way, *, dry: bool) -> Planned:
    with database.read() as connection:
        found = _Application(connection, catalogue, tree, way).settled()
    if found is not None:
        # The usual case at a start. Nobody else's write waits for it.
        return Planned(found)

    def work(connection: Connection) -> Planned:
        filed.lock(connection)
        planned = _Application(connection, catalogue, tree, way).carried_out()
        if dry:
            raise _Undone(planned)
        if planned.refusal is not None:
            raise planned.refusal
        return planned

    try:
        return database.write(work)
    except _Undone as undone:
        return undone.planned


class _Application:
    """One folder in one transaction. Documents are checked against what stands by then, so in the order of their kinds."""

    def __init__(self, connection: Connection, catalogue: Catalogue, tree: Tree, way: Way) -> None:
        self.connection = connection
        self.catalogue = catalogue
        # Its own: a write may be tried again.
        self.tree = replace(tree, broken=set(tree.broken), faults=list(tree.faults))
        self.way = way
        self.standing = filed.all_standing(connection)
        self.changed: set[Key] = set()
        self.refused: list[str] = []
        self.pools: list[str] | None = None

    def settled(self) -> list[Item] | None:
        """What becomes of each when nothing has to be written; None when something has."""
        if self.tree.faults or set(self.tree.canonical) != set(self.tree.documents):
            return None
        canonical, standing = self.tree.canonical, self.standing
        items = [decide(key, canonical[key], _said(raw), standing.get(key), self.way) for key, raw in self.tree.documents.items()]
        items += vanished(standing, self.tree, self.way)
        return in_order(items) if all(item.action in IDLE for item in items) else None

    def carried_out(self) -> Planned:
        """Do it; answers what was done to each. When it raises, or says a refusal, nothing of it may be committed."""
        gone = in_order(vanished(self.standing, self.tree, self.way))
        items = [self._gone(item) for item in gone if item.kind not in _USED_KINDS or item.action != "delete"]
        for kind in KINDS:
            if kind == "trigger":
                self._store_triggers()
            found = [(key, raw) for key, raw in self.tree.documents.items() if key[0] == kind]
            # One that stands for another is checked when that is there.
            found.sort(key=lambda one: bool(one[1].get("stands_for")))
            items += [item for key, raw in found if (item := self._one(key, raw)) is not None]
        last = [item for item in gone if item.kind in _USED_KINDS and item.action == "delete"]
        items += [self._gone(item) for item in reversed(last)]
        if self.tree.faults:
            raise Invalid("The definitions are not valid; nothing was changed.", faults=self.tree.faults)
        return Planned(in_order(items), self._refusal())

    def _store_triggers(self) -> None:
        """What closes a loop is told once all triggers are what the folder says, whatever they were before."""
        for key, document in self.tree.canonical.items():
            stood = self.standing.get(key)
            if key[0] == "trigger" and (stood is None or document != stood.document):
                self._store("trigger", document)

    def _one(self, key: Key, raw: Document) -> Item | None:
        stood = self.standing.get(key)
        canonical = self.tree.canonical.get(key)
        same = canonical is not None and stood is not None and canonical == stood.document
        if same and canonical is not None and not self._names_changed(key, canonical):
            return self._stored(decide(key, canonical, _said(raw), stood, self.way), canonical, stood)
        try:
            valid, said = self._checked(key, raw)
        except Invalid as error:
            self._note(key, raw, error.faults)
            return None
        return self._stored(decide(key, valid, said, stood, self.way), valid, stood)

    def _checked(self, key: Key, raw: Document) -> tuple[Document, bool]:
        if key[0] == "pool":
            return parse_pool(raw).document, False
        # A pool whose file has faults is still one that may be named, of whatever size.
        known = pools.sizes(self.connection) | {name: 0 for kind, name in self.tree.broken if kind == "pool"}
        valid, _ = checked(self.connection, self.catalogue, key[0], raw, known)
        paused = bool(valid.pop("paused", False))
        if used(key, valid) in self.tree.broken:
            self.tree.broken.add(key)
        return valid, paused

    def _known_pools(self) -> list[str]:
        """Pools come first, so that all are known by now; one whose file has faults may still be named."""
        if self.pools is None:
            broken = [name for kind, name in self.tree.broken if kind == "pool"]
            self.pools = [*(pool["name"] for pool in pools.all_named(self.connection)), *broken]
        return self.pools

    def _names_changed(self, key: Key, document: Document) -> bool:
        return bool({used(key, document), *awaited(document)} & (self.changed | self.tree.broken))

    def _note(self, key: Key, raw: Document, faults: Iterable[Fault]) -> None:
        """Note a document's faults, but those that come of a fault in what it names: that one is told already."""
        self.tree.broken.add(key)
        uses = used(key, raw) in self.tree.broken
        silent = {f"/when/jobs/{at}" for at, job in enumerate(awaited(raw)) if job in self.tree.broken}
        silent |= {"/pipeline", "/pipeline_version", "/job"} if uses else set()
        told = [each for each in faults if each.pointer not in silent and not (uses and each.pointer.startswith("/params"))]
        self.tree.note(path_of(*key), told)

    def _stored(self, item: Item, valid: Document, stood: Standing | None) -> Item:
        if item.action in IDLE:
            return item
        kind, name = item.kind, item.name
        if self.way.home is None and stood is not None and stood.file is not None and not self.way.manages(stood):
            self.refused.append(f"the {kind} {name!r} is managed by the file {stood.file}")
            return item
        if stood is None or valid != stood.document:
            self.changed.add((kind, name))
            self._store(kind, valid)
        if item.pausing is not None:
            saving.pause(self.connection, cast(Kind, kind), name, paused=item.pausing)
        paused = bool(item.after and item.after.get("paused"))
        file = self.way.file(kind, name)
        filed.own(self.connection, kind, name, managed_by="file", file=file, paused=paused)
        self._audit(item, file)
        return item

    def _store(self, kind: str, valid: Document, *, by: str | None = None) -> None:
        if kind == "pool":
            pools.resize(self.connection, valid["name"], valid["size"], description=valid.get("description"))
            return
        pointed_at = used((kind, valid["name"]), valid)
        saving.save(
            self.connection, cast(Kind, kind), valid, content_hash(valid), by=by or self.way.by, managed_by="file",
            uses=pointed_at[1] if pointed_at else None,
        )  # fmt: skip

    def _gone(self, item: Item) -> Item:
        """Delete or restore what has no file any more; leave what is in use, in the service's own folder, and say so."""
        kind, name = item.kind, item.name
        if item.action == "restore":
            return self._restored(item)
        if item.action != "delete":
            return item
        if users := self._users(kind, name):
            if self.way.home is None:
                self.refused.append(f"the {kind} {name!r} is used by {', '.join(users)}")
                return item
            note = f"its file is gone; it is used by {', '.join(users)}, and stays until it is not"
            return Item(kind, name, "leave", item.before, item.before, note)
        if kind == "pool":
            pools.drop(self.connection, name)
        else:
            saving.delete(self.connection, cast(Kind, kind), name)
        self._audit(item, None)
        return item

    def _restored(self, item: Item) -> Item:
        kind, name = item.kind, item.name
        shipped = filed.shipped(self.connection, kind, name)
        assert shipped is not None, "what a start planted has its version"
        planter = shipped.created_by if shipped.created_by in filed.PLANTERS else filed.PLANTERS[0]
        if shipped.document != self.standing[kind, name].document:
            self.changed.add((kind, name))
            self._store(kind, shipped.document, by=planter)
        filed.own(self.connection, kind, name, managed_by=planter)
        self._audit(item, None)
        paused = bool(item.before and item.before.get("paused"))
        return Item(kind, name, "restore", item.before, with_pause(shipped.document, paused), "as it was brought along")

    def _users(self, kind: str, name: str) -> list[str]:
        if kind != "pool":
            return definitions.users(self.connection, cast(Kind, kind), name)
        held = [f"{pool['held']} slots that runs hold" for pool in pools.all_named(self.connection) if pool["name"] == name]
        wanting = [
            f"pipeline {each.name!r}"
            for each in definitions.page(self.connection, "pipeline", "", 100_000)
            if any(name in node.get("pools", {}) for node in each.document["nodes"])
        ]
        return wanting + [sentence for sentence in held if not sentence.startswith("0 ")]

    def _audit(self, item: Item, file: str | None) -> None:
        audit.add(self.connection, self.way.by, item.action, item.kind, item.name, {"file": file} if file else None)

    def _refusal(self) -> OpenbellError | None:
        if not self.refused:
            return None
        sentences = "; ".join(self.refused)
        if any("managed by" in sentence for sentence in self.refused):
            hint = "Change that file, in the service's own folder, and restart the service."
            return ManagedByFile(f"Nothing was changed: {sentences}.", hint=hint)
        return InUse(f"Nothing was changed: {sentences}.", hint="Delete, change or cancel those first, or keep the file.")


def _said(raw: Document) -> bool:
    return raw.get("paused") is True
