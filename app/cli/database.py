"""`openbell db`: the service's database, looked at and changed directly."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from app import clock, settings
from app.cli import lake_files, screen
from app.cli.options import Json
from app.errors import ConfigurationError
from app.settings import Settings
from app.store import backups, identity, migrate, occupancy, revival, sqlite, verify
from app.store.copies import FOLDER, private_folder
from app.store.database import Database

_LOOK_SECONDS = 60
database = typer.Typer(help="The service's database: migrate, backup, restore, verify.", no_args_is_help=True)


@database.command("migrate")
def migrate_database(as_json: Json = False) -> None:
    """Bring the database to the newest schema. SQLite does so by itself at every start; its file is copied aside before."""
    loaded = settings.load()
    private_folder(loaded.data_dir)
    identity.refuse_lost(loaded.url, loaded.data_dir)
    sqlite.refuse_damaged(loaded.url, _LOOK_SECONDS)
    with _opened(loaded) as opened:
        with opened.read() as connection:
            identity.refuse_foreign(connection, loaded.data_dir)
        schema = migrate.upgrade(opened.engine)
    screen.document({"schema": schema}) if as_json else screen.line(f"schema {schema}")


@database.command()
def backup(
    to: Annotated[Path | None, typer.Argument(help="A new folder for it. Default: one in backups/ of the data dir.")] = None,
    as_json: Json = False,
) -> None:
    """Copy the database, while the service runs or not, and list the files of the lake that it names: those are not copied."""
    loaded = settings.load()
    folder = to or loaded.data_dir / FOLDER / clock.now().strftime("%Y%m%dT%H%M%SZ")
    with _opened(loaded, there=True) as opened:
        made = backups.make(opened, folder.absolute(), version("openbell"))
        command = None if opened.is_sqlite else backups.dump_command(opened, folder.absolute())
    told = {
        "folder": str(folder),
        **{name: made[name] for name in ("schema", "snapshot", "database")},
        "files": len(made["files"]),
    }
    if as_json:
        screen.document({**told, "command": command})
        return
    screen.facts(told)
    screen.complain(f"Copy {loaded.data_dir / 'lake'} after this, and {loaded.data_dir / 'admin.key'}: they are not in it.")
    if command:
        screen.complain(f"PostgreSQL is copied by its own tool. Run now:\n  {command}")


@database.command()
def restore(
    source: Annotated[Path | None, typer.Argument(metavar="[BACKUP]", help="Its folder, or a copy. Default: the newest.")] = None,
    after_pg_restore: Annotated[
        bool, typer.Option("--after-pg-restore", help="PostgreSQL: pg_restore has been run; do what is left.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in place of the database, which is kept. No service may run. What was running then is queued again."""
    loaded = settings.load()
    with occupancy.alone(loaded.data_dir):
        done = _restored(loaded, source, after_pg_restore)
        revival.forget_later_views(loaded.data_dir, done["snapshot"])
        with _opened(loaded) as opened:
            found = list(_checked(opened, loaded, deep=False))
    wrong = [check for check in found if check.wrong]
    if as_json:
        screen.document({**done, "checks": [vars(check) for check in found]})
    else:
        screen.facts({**done, "handed_back": len(done["handed_back"])})
        _complain(wrong)
    if wrong:
        raise typer.Exit(1)


def _restored(loaded: Settings, source: Path | None, after_pg_restore: bool) -> dict[str, Any]:
    folder = source or backups.newest(loaded.data_dir / FOLDER)
    if (target := sqlite.file_of(loaded.url)) is not None:
        return backups.restore(target, folder, loaded.data_dir)
    with _opened(loaded) as opened:
        if after_pg_restore:
            return {"from": str(folder), "kept": None, **backups.revive(opened, loaded.data_dir)}
        raise ConfigurationError(
            "PostgreSQL is restored by its own tool, while no service runs.",
            hint=f"Run: {backups.load_command(opened, folder)}\nthen: openbell db restore --after-pg-restore",
        )


@database.command("verify")
def verify_database(
    deep: Annotated[bool, typer.Option("--deep", help="Also read every file of the lake: its checksum and its rows.")] = False,
    as_json: Json = False,
) -> None:
    """Check that everything is there that the database speaks of. Exit code 1 if something is not; nothing is changed."""
    loaded = settings.load()
    with _opened(loaded, there=True) as opened:
        found = list(_checked(opened, loaded, deep=deep))
    wrong = [check for check in found if check.wrong]
    if as_json:
        screen.document([vars(check) for check in found])
    else:
        rows = ((check.check, "failed" if check.wrong else "ok", check.looked_at) for check in found)
        screen.table(("check", "status", "looked at"), rows)
        _complain(wrong)
    if wrong:
        raise typer.Exit(1)


def _complain(wrong: list[verify.Checked]) -> None:
    for check in wrong:
        for sentence in check.wrong:
            screen.line(f"{check.check}: {sentence}")
        screen.line(f"{check.check}: {check.hint}")


def _checked(opened: Database, loaded: Settings, *, deep: bool) -> Iterator[verify.Checked]:
    folder = loaded.data_dir / "lake"
    broken = False
    for check in verify.database(opened):
        broken = broken or bool(check.wrong and check.check in verify.FUNDAMENTAL)
        yield check
    if not broken:
        yield verify.lake_identity(opened, loaded.data_dir)
        yield verify.lake_files(opened, folder)
        if deep:
            yield lake_files.deep(opened, folder)


@contextmanager
def _opened(loaded: Settings, *, there: bool = False) -> Iterator[Database]:
    """The database; with `there`, only one that exists: SQLite would make an empty file of a mere look."""
    if there and (file := sqlite.file_of(loaded.url)) is not None and not file.exists():
        raise ConfigurationError(f"There is no database at {file}.", hint="Name its data dir in OPENBELL_DATA_DIR.")
    opened = Database(loaded.url)
    try:
        yield opened
    finally:
        opened.close()
