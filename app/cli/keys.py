"""`openbell keys`: who may use the service."""

from typing import Annotated

import typer

from app import settings
from app.cli import screen
from app.cli.service import find, path

keys = typer.Typer(help="API keys: list, create, revoke.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print the service's JSON.")]


@keys.command("list")
def list_keys(as_json: Json = False) -> None:
    """Every key, without its secret."""
    answer = find(settings.load()).get("/api-keys")
    if as_json:
        screen.document(answer)
        return
    headers = ("id", "name", "role", "created", "last used", "expires", "revoked")
    instants = ("created_at", "last_used_at", "expires_at", "revoked_at")
    rows = ([key["id"], key["name"], key["role"], *(screen.instant(key[name]) for name in instants)] for key in answer["items"])
    screen.table(headers, rows, spare=("revoked", "last used", "expires", "created"))


@keys.command()
def create(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "viewer",
    as_json: Json = False,
) -> None:
    """Make a key and print it: it is shown this once."""
    answer = find(settings.load()).post("/api-keys", {"name": name, "role": role})
    screen.document(answer) if as_json else screen.line(answer["key"])


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="KEY")], as_json: Json = False) -> None:
    """Make a key useless at once."""
    answer = find(settings.load()).delete(path("api-keys", key_id))
    if as_json:
        screen.document(answer)
