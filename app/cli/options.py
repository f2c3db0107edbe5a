"""Options and arguments that several commands share."""

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the service's JSON.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or how its id begins.")]
Pairs = Annotated[
    list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A param; the value is JSON or text.")
]


def pairs(items: list[str] | None, *, as_json: bool) -> dict[str, Any]:
    """`name=value` arguments as an object; a value that is JSON counts as that, any other as text."""
    made: dict[str, Any] = {}
    for item in items or ():
        name, separator, text = item.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{item!r} is not NAME=VALUE")
        made[name] = value(text) if as_json else text
    return made


def value(text: str) -> Any:
    """A text that is JSON as what it says, any other as itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
