"""`openbell export`, `diff`, `apply`: definitions as files, for a repository of one's own."""

import difflib
from pathlib import Path
from typing import Annotated, Any

import typer

from app import folder
from app.cli import screen
from app.cli.options import Json
from app.cli.service import Refused, connect
from app.definitions.documents import FOLDERS, place, text_of
from app.errors import Fault, OpenbellError

Dir = Annotated[Path, typer.Argument(metavar="DIR", help=f"A folder with {', '.join(f'{name}/' for name in FOLDERS)}.")]
Prune = Annotated[
    bool, typer.Option("--prune", help="Delete what an earlier apply brought and DIR has no more; what was made by hand stays.")
]
_QUIET = ("unchanged", "leave")
_DIFFERENT = 1
_NOTHING = "/dev/null"


class NotCompared(OpenbellError):
    """It cannot be told whether there is a difference."""

    code = "not_compared"


class WouldBeRefused(OpenbellError):
    """It would not be applied."""

    code = "would_be_refused"


def export(
    directory: Dir,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what a release or an op module brings along: as files it follows no release.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write every definition to DIR, one file each; unchanged files are not touched and none is deleted."""
    found = [item for item in connect().items("/definitions") if everything or not item["brought_along"]]
    written = {item["path"]: folder.write(directory, item["path"], text_of(item["document"])) for item in found}
    stale = sorted(set(_documents_in(directory)) - set(written)) if directory.is_dir() else []
    if as_json:
        names = {True: "written", False: "unchanged"}
        screen.document({"items": [{"path": path, "action": names[new]} for path, new in written.items()], "left": stale})
        return
    for path, new in written.items():
        if new:
            screen.line(f"written\t{path}")
    screen.complain(f"{sum(written.values())} written, {len(written) - sum(written.values())} unchanged.")
    for path in stale:
        screen.complain(f"left: {path} is not among them")


def diff(directory: Dir, as_json: Json = False) -> None:
    """Show how DIR and the service differ, as a diff from the service to DIR. Exit code 0: they do not; 1: they do; 2: error."""
    try:
        items = [item for item in _sent(directory, "plan", prune=False)["items"] if item["before"] != item["after"]]
    except OpenbellError as error:
        raise NotCompared(error.detail, hint=error.hint, faults=error.faults) from error
    if as_json:
        screen.document({"items": items})
    else:
        for item in items:
            for line in _unified(item):
                screen.line(line)
    if items:
        raise typer.Exit(_DIFFERENT)


def apply(
    directory: Dir,
    prune: Prune = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Make the service's definitions what DIR says: all of it, or nothing and every fault of every file."""
    answer = _sent(directory, "plan" if dry_run else "apply", prune=prune)
    if as_json:
        screen.document(answer)
    else:
        _show(answer["items"], prune=prune, dry_run=dry_run)
    if answer["refused"]:
        raise WouldBeRefused(answer["refused"])


def _show(items: list[dict[str, Any]], *, prune: bool, dry_run: bool) -> None:
    for item in items:
        if item["action"] != "leave" or prune:
            note = f"\t{item['note']}" if item["note"] else ""
            screen.line(f"{item['action']}\t{item['path']}{note}")
    changes = sum(item["action"] not in _QUIET for item in items)
    screen.complain(f"{changes} {'to change' if dry_run else 'changed'}, {len(items) - changes} not.")


def _sent(directory: Path, to: str, *, prune: bool) -> dict[str, Any]:
    """What becomes of each document of the folder. Raises Refused with every fault, by file."""
    files = folder.read(directory)
    try:
        answer: dict[str, Any] = connect().post(f"/definitions/{to}", {"documents": files, "prune": prune})
    except Refused as error:
        error.faults = tuple(Fault(place(fault.pointer), fault.message) for fault in error.faults)
        raise
    return answer


def _documents_in(directory: Path) -> dict[str, str]:
    try:
        return folder.read(directory)
    except OpenbellError:
        return {}


def _unified(item: dict[str, Any]) -> list[str]:
    """One document's lines; what one side does not have is `/dev/null` there, as in any diff."""
    old, new = (text_of(item[side]).splitlines() if item[side] else [] for side in ("before", "after"))
    here, there = f"service/{item['path']}" if old else _NOTHING, f"files/{item['path']}" if new else _NOTHING
    return list(difflib.unified_diff(old, new, here, there, lineterm=""))
