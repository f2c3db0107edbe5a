"""What a folder of definitions means beside what stands: for each document one of a few actions, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from app.definitions.documents import KINDS, Document, Key, Tree, path_of
from app.store.filed import Standing

Action = Literal["create", "change", "adopt", "restore", "delete", "unchanged", "leave"]
"""`adopt`: the same document, from now on managed by its file. `restore`: back to what the release brings along."""

IDLE: tuple[Action, ...] = ("unchanged", "leave")


@dataclass(frozen=True)
class Way:
    """How a folder is applied. `home` is the path of the service's own one; a folder that was sent has none."""

    by: str
    home: str | None = None
    prune: bool = False

    def file(self, kind: str, name: str) -> str:
        """Where the document stands, as it is kept: a whole path in the service's own folder, else one in the folder."""
        path = path_of(kind, name)
        return f"{self.home}/{path}" if self.home else path

    def manages(self, stood: Standing) -> bool:
        """Whether it came from a folder that was applied this way, and goes with its file."""
        own = self.home is not None
        return stood.file is not None and PurePosixPath(stood.file).is_absolute() == own


@dataclass(frozen=True)
class Item:
    """One document: what becomes of it, how it stands before, and what the folder says."""

    kind: str
    name: str
    action: Action
    before: Document | None = None
    after: Document | None = None
    note: str | None = None
    pausing: bool | None = field(default=None, compare=False)

    def plain(self) -> dict[str, Any]:
        """As faces show it; the documents only where they differ."""
        differ = self.before != self.after
        return {
            "kind": self.kind,
            "name": self.name,
            "path": path_of(self.kind, self.name),
            "action": self.action,
            "note": self.note,
            "before": self.before if differ else None,
            "after": self.after if differ else None,
        }


def with_pause(document: Mapping[str, Any], paused: object) -> Document:
    """The document as a file has it."""
    return {**document, "paused": True} if paused else dict(document)


def decide(key: Key, document: Document, paused: bool, stood: Standing | None, way: Way) -> Item:
    """What becomes of a document without a fault: its canonical form, without `paused`."""
    kind, name = key
    after = with_pause(document, paused)
    if stood is None:
        return Item(kind, name, "create", None, after, pausing=True if paused else None)
    before = with_pause(stood.document, stood.paused)
    said_anew = kind != "pool" and stood.file_paused != paused
    pausing = paused if said_anew and stood.paused != paused else None
    if document != stood.document or pausing is not None:
        return Item(kind, name, "change", before, after, pausing=pausing)
    note = None
    if stood.paused != paused:
        note = f"{'paused' if stood.paused else 'resumed'} by hand; that stays until its file says something else"
    is_own = stood.file == way.file(kind, name) and not said_anew
    return Item(kind, name, "unchanged" if is_own or not _adopts(stood, way) else "adopt", before, after, note)


def _adopts(stood: Standing, way: Way) -> bool:
    """Whether a file takes over what has the same document already.

    A start's folder takes all that stands in it. A folder that was sent takes what was made over the API; what a release
    brings along is left to the next release, and the start's to the start.
    """
    return way.home is not None or stood.managed_by == "api" or way.manages(stood)


def vanished(standing: Mapping[Key, Standing], tree: Tree, way: Way) -> list[Item]:
    """What stands and has no file: deleted or restored where its file was all it had, else left."""
    found = []
    for (kind, name), stood in standing.items():
        if (kind, name) in tree.documents or (kind, name) in tree.broken:
            continue
        before = with_pause(stood.document, stood.paused)
        if way.manages(stood) and (way.prune or way.home is not None):
            found.append(Item(kind, name, "restore" if stood.shipped else "delete", before))
        elif is_yours(stood) and way.home is None:
            found.append(Item(kind, name, "leave", before, note=_why_left(stood, way)))
    return found


def is_yours(stood: Standing) -> bool:
    """Whether people or their files made it what it is; the rest a release or an op module brings along."""
    return stood.managed_by == "api" or stood.file is not None


def _why_left(stood: Standing, way: Way) -> str:
    if stood.file is None:
        return "made over the API, not by a file"
    if not way.manages(stood):
        return f"managed by {stood.file}"
    return "its file is gone; --prune deletes it"


def used(key: Key, document: Document) -> Key | None:
    """What the document uses: a job its pipeline, what fires or watches a job that job."""
    kind = {"pool": None, "pipeline": None, "job": "pipeline"}.get(key[0], "job")
    name = document.get(kind) if kind else None
    return (kind, name) if kind and isinstance(name, str) else None


def awaited(document: Document) -> list[Key]:
    """The jobs that a trigger waits for, in their order."""
    when: Any = document.get("when")
    jobs = when.get("jobs") if isinstance(when, dict) else None
    return [("job", str(job)) for job in jobs] if isinstance(jobs, list) else []


def in_order(items: Iterable[Item]) -> list[Item]:
    """In the order in which kinds need one another, by name."""
    order = list(KINDS)
    return sorted(items, key=lambda item: (order.index(item.kind), item.name))
