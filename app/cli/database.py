"""`openbell db`: the service's database."""

import typer

from app import settings
from app.cli import screen

database = typer.Typer(help="The service's database.", no_args_is_help=True)


@database.command()
def migrate() -> None:
    """Bring the database to the newest schema. SQLite does so by itself at every start."""
    from app.store import migrate as migration
    from app.store.database import Database

    loaded = settings.load()
    loaded.data_dir.mkdir(parents=True, exist_ok=True)
    opened = Database(loaded.url)
    try:
        screen.line(f"schema {migration.upgrade(opened.engine)}")
    finally:
        opened.close()
