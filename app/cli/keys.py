"""`openbell keys`: who may use the service."""

from typing import Annotated

import typer

from app.cli import screen
from app.cli.options import Json
from app.cli.service import Service, Unclear, connect, path

keys = typer.Typer(help="API keys: list, create, revoke.", no_args_is_help=True)


@keys.command("list")
def list_keys(as_json: Json = False) -> None:
    """Every key, without its secret."""
    found = list(connect().items("/api-keys"))
    if as_json:
        screen.document({"items": found, "next_cursor": None})
        return
    headers = ("id", "name", "role", "created", "last used", "expires", "revoked")
    instants = ("created_at", "last_used_at", "expires_at", "revoked_at")
    rows = ([key["id"], key["name"], key["role"], *(screen.instant(key[name]) for name in instants)] for key in found)
    screen.table(headers, rows, spare=("revoked", "last used", "expires", "created"))


@keys.command()
def create(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "viewer",
    as_json: Json = False,
) -> None:
    """Make a key and print it, alone on stdout: it is shown this once. Its id is on stderr."""
    answer = connect().post("/api-keys", {"name": name, "role": role})
    if as_json:
        screen.document(answer)
        return
    screen.line(answer["key"])
    screen.complain(f"Key {answer['id']} ({answer['name']}, {answer['role']}). Keep it now: it is not shown again.")


@keys.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its id, or its name if no other key has it.")],
    as_json: Json = False,
) -> None:
    """Make a key useless at once."""
    service = connect()
    answer = service.delete(path("api-keys", _id(service, key)))
    screen.document(answer) if as_json else screen.line(f"{answer['id']}\t{answer['name']}\trevoked")


def _id(service: Service, text: str) -> str:
    """The id of the key that has this id, or alone has this name. Raises Unclear."""
    known = [key for key in service.items("/api-keys") if text == key["id"] or (text == key["name"] and not key["revoked_at"])]
    by_id = [key["id"] for key in known if key["id"] == text]
    found = by_id or [key["id"] for key in known]
    if len(found) > 1:
        raise Unclear(f"{len(found)} keys bear the name {text!r}: {', '.join(found)}.", hint="Give the id.")
    if not found:
        raise Unclear(f"There is no key {text!r}.", hint="`openbell keys list` shows them.")
    return str(found[0])
