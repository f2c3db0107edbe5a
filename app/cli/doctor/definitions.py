"""Checks of the folder of definitions that a start applies: whether it can be read, is valid, and has been applied."""

from collections.abc import Iterator

from app import folder
from app.cli.doctor.finding import Finding, failed, ok, warning
from app.cli.doctor.state import is_new, reach
from app.definitions import documents
from app.errors import CataloguePending, Invalid, OpenbellError
from app.manager.applying import plan
from app.manager.folder_items import IDLE, Way
from app.manager.folders import told
from app.settings import PREFIX, Settings
from app.store import catalogue, migrate

_HINT = "Until this is put right a start applies nothing of it, and what was applied before stays."


def own_folder(settings: Settings) -> Iterator[Finding]:
    """What the next start would do with the folder."""
    home = settings.definitions_dir
    if home is None:
        return
    try:
        tree = documents.read(folder.read(home))
        found = f"{home}: {len(tree.documents)} documents"
        if tree.faults:
            raise Invalid("The definitions are not valid.", faults=tree.faults)
        changes = [] if is_new(settings) else _changes(settings, tree)
    except CataloguePending:
        yield ok("definitions", f"{found}, checked at the first start")
    except OpenbellError as error:
        yield failed("definitions", told(error), f"{_HINT} The folder is {PREFIX}DEFINITIONS_DIR.")
    else:
        if changes:
            yield warning(
                "definitions", f"{found}; the next start does: {', '.join(changes)}", "Restart the service to apply them."
            )
        else:
            yield ok("definitions", found)


def _changes(settings: Settings, tree: documents.Tree) -> list[str]:
    with reach(settings) as database:
        with database.read() as connection:
            if migrate.revision(connection) != migrate.HEAD:
                return []
            known = catalogue.current(connection)
        planned = plan(database, known, tree, Way("doctor", home=str(settings.definitions_dir)))
    return [f"{item.action} {item.kind} {item.name}" for item in planned.items if item.action not in IDLE]
