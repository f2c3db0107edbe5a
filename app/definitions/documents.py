"""Definitions as files: one JSON document each, in a folder of its kind. From texts to documents and back, no I/O."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.definitions import json_text
from app.definitions.deadline import parse_deadline
from app.definitions.faults import FAULTS_LIMIT, pointer
from app.definitions.job import parse_job
from app.definitions.names import is_name, suggestion
from app.definitions.pipeline import Node, PipelineDocument
from app.definitions.pool import parse_pool
from app.definitions.schedule import parse_schedule
from app.definitions.shape import NAME_RULE
from app.definitions.trigger import parse_trigger
from app.errors import Fault, Invalid, Malformed, OpenbellError

Document = dict[str, Any]
Key = tuple[str, str]
"""A kind and a name."""


class Kind(NamedTuple):
    """A kind's folder, and what makes a document's canonical form of it without asking what it names."""

    folder: str
    canonical: Callable[[Any], Document]


def _pipeline(document: Any) -> Document:
    header = PipelineDocument.model_validate(document)
    return {**header.plain(), "nodes": [Node.model_validate(node).plain() for node in header.nodes]}


KINDS = {
    "pool": Kind("pools", lambda document: parse_pool(document).document),
    "pipeline": Kind("pipelines", _pipeline),
    "job": Kind("jobs", lambda document: parse_job(document).document),
    "schedule": Kind("schedules", lambda document: parse_schedule(document).document),
    "trigger": Kind("triggers", lambda document: parse_trigger(document).document),
    "deadline": Kind("deadlines", lambda document: parse_deadline(document).document),
}
"""Every kind that may stand in a file, in the order in which they need one another. A new kind is one line more."""

FOLDERS = {kind.folder: name for name, kind in KINDS.items()}
LIMIT = 1000
"""Documents of one folder. They are checked and stored in one transaction, for which every other write waits."""

_SUFFIX = ".json"
_ROOT = "documents"


@dataclass
class Tree:
    """Documents as their files have them, and in canonical form where they have one; and what is wrong with files."""

    documents: dict[Key, Any] = field(default_factory=dict)
    canonical: dict[Key, Document] = field(default_factory=dict)
    broken: set[Key] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def note(self, path: str, found: Iterable[Fault]) -> None:
        """Note what is wrong with a file, up to a thousand faults of all files."""
        room = FAULTS_LIMIT - len(self.faults)
        self.faults += [Fault(pointer((_ROOT, path)) + fault.pointer, fault.message) for fault in list(found)[:room]]


def path_of(kind: str, name: str) -> str:
    """Where the document stands in its folder of definitions: `jobs/daily_sync_job.json`."""
    return f"{KINDS[kind].folder}/{name}{_SUFFIX}"


def text_of(document: Mapping[str, Any]) -> str:
    """The document as its file has it: the same text for the same document, a line for each value."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def place(at: str) -> str:
    """A fault's pointer as a person looks for it: the file, and the pointer in it."""
    root, _, rest = at.removeprefix("/").partition("/")
    if root != _ROOT or not rest:
        return at
    file, slash, inner = rest.partition("/")
    return file.replace("~1", "/").replace("~0", "~") + (f": {slash}{inner}" if inner else "")


def read(files: Mapping[str, object]) -> Tree:
    """The documents of the files: each is a text, or the document itself. What is wrong is noted, file by file."""
    tree = Tree()
    if len(files) > LIMIT:
        tree.faults.append(Fault(pointer((_ROOT,)), f"has {len(files)} documents; at most {LIMIT} are allowed"))
        return tree
    order = list(KINDS)
    found = [(key, path) for path in files if (key := _key(path, tree)) is not None]
    for key, path in sorted(found, key=lambda each: (order.index(each[0][0]), each[0][1])):
        try:
            _add(tree, key, files[path])
        except Malformed as error:
            tree.note(path, [Fault("", error.detail)])
            tree.broken.add(key)
        except Invalid as error:
            tree.note(path, error.faults)
            tree.broken.add(key)
    return tree


def _add(tree: Tree, key: Key, sent: object) -> None:
    document = json_text.parse(sent.encode("utf-8", "surrogatepass"), "file") if isinstance(sent, str) else sent
    if not isinstance(document, dict):
        raise Invalid(faults=[Fault("", "must be an object")])
    kind, name = key
    if document.get("name", name) != name:
        raise Invalid(faults=[Fault("/name", f"must be {name!r}, as the file is named, or left out")])
    tree.documents[key] = document = {**document, "name": name}
    try:
        canonical = KINDS[kind].canonical(document)
    except (OpenbellError, ValueError):
        # What is wrong is told when it is checked with all that it names.
        return
    tree.canonical[key] = {field: value for field, value in canonical.items() if field != "paused"}


def _key(path: str, tree: Tree) -> Key | None:
    folder, slash, file = path.partition("/")
    name = file.removesuffix(_SUFFIX)
    problem = ""
    if folder not in FOLDERS or not slash:
        problem = f"stands in none of the folders {', '.join(FOLDERS)}{suggestion(folder.lower(), FOLDERS)}"
    elif "/" in file:
        problem = f"stands too deep: documents stand directly in {folder}/"
    elif not file.endswith(_SUFFIX):
        problem = f"is no {_SUFFIX} file: definitions are read as JSON"
    elif not is_name(name):
        problem = f"is named after no definition: a name {NAME_RULE}"
    if problem:
        tree.note(path, [Fault("", problem)])
        return None
    return FOLDERS[folder], name
