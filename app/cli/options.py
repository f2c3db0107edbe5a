"""Options and arguments that several commands share."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the service's JSON.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or how its id begins.")]
