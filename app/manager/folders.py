"""The half of the manager that speaks of definitions as files: a folder that is sent, and the service's own."""

from collections.abc import Mapping
from typing import Any

import structlog

from app import folder
from app.definitions import documents
from app.definitions.catalogue import Catalogue
from app.errors import Invalid, OpenbellError, Unavailable
from app.manager.applying import apply, plan
from app.manager.folder_items import IDLE, Item, Way, is_yours, with_pause
from app.settings import Settings
from app.store import catalogue, filed
from app.store.database import Database

_log = structlog.get_logger("openbell.definitions")


class Folders:
    """Definitions by their files."""

    database: Database
    settings: Settings
    folder_fault: str | None = None
    """Why the service's own folder was not applied when it started; None when it was."""

    def definition_files(self) -> list[dict[str, Any]]:
        """Every definition and pool as its file has it: kind, name, path, managed_by, file, brought_along, document."""
        with self.database.read() as connection:
            standing = filed.all_standing(connection)
        order = list(documents.KINDS)
        found = sorted(standing.values(), key=lambda stood: (order.index(stood.kind), stood.name))
        return [
            {
                "kind": stood.kind,
                "name": stood.name,
                "path": documents.path_of(stood.kind, stood.name),
                "managed_by": stood.managed_by,
                "file": stood.file,
                "brought_along": not is_yours(stood),
                "document": with_pause(stood.document, stood.paused),
            }
            for stood in found
        ]

    def plan_definitions(self, files: Mapping[str, object], *, by: str, prune: bool = False) -> dict[str, Any]:
        """What `apply_definitions` would do, and under `refused` why it would not. Raises Invalid with every fault."""
        tree = documents.read(files)
        with self.database.read() as connection:
            found = catalogue.current(connection)
        planned = plan(self.database, found, tree, Way(by, prune=prune))
        return {"items": [item.plain() for item in planned.items], "refused": str(planned.refusal or "") or None}

    def apply_definitions(self, files: Mapping[str, object], *, by: str, prune: bool = False) -> dict[str, Any]:
        """Make the definitions what the files say, all or nothing; answers what became of each.

        A file is a path as `jobs/x.json` and its text or its document. Raises Invalid with every fault of every file, InUse
        for what `prune` would delete and others use, ManagedByFile for what stands in the service's own folder.
        """
        tree = documents.read(files)
        with self.database.read() as connection:
            found = catalogue.current(connection)
        items = apply(self.database, found, tree, Way(by, prune=prune))
        return {"items": [item.plain() for item in items], "refused": None}

    def folder_remarks(self) -> dict[str, str]:
        """What is wrong with the folder of definitions and keeps nothing from working, by what it is about."""
        return {"definitions": self.folder_fault} if self.folder_fault else {}

    def apply_own_folder(self, found: Catalogue) -> list[Item]:
        """Apply the folder that the settings name, if they name one. What is wrong with it is logged and kept, not raised:
        the definitions stay as they were, and a start must not hang on it. Raises Unavailable alone."""
        self.folder_fault = None
        if self.settings.definitions_dir is None:
            return []
        home = str(self.settings.definitions_dir)
        try:
            tree = documents.read(folder.read(self.settings.definitions_dir))
            items = apply(self.database, found, tree, Way("service", home=home))
        except Unavailable:
            raise
        except OpenbellError as error:
            self.folder_fault = told(error)
            _log.error("the folder of definitions was not applied", folder=home, error=self.folder_fault)
            return []
        if done := [f"{item.action} {item.kind} {item.name}" for item in items if item.action not in IDLE]:
            _log.info("definitions applied", folder=home, what=done)
        for item in items:
            if item.action == "leave":
                _log.warning("a definition without its file stays", kind=item.kind, name=item.name, why=item.note)
        return items


def told(error: OpenbellError) -> str:
    """The error in lines for people, faults by file."""
    if not isinstance(error, Invalid):
        return str(error)
    return "\n".join([error.detail, *(f"  {documents.place(fault.pointer)}: {fault.message}" for fault in error.faults)])
