"""`openbell factors`: the factors of one's own, whether they are up to date, and how good they were."""

from typing import Annotated, Any

import typer

from app.cli import screen
from app.cli.options import Json
from app.cli.service import connect


def factors(
    sessions: Annotated[int, typer.Option(help="Over how many of the last sessions.")] = 60,
    horizon: Annotated[int, typer.Option(help="Against the return of how many sessions after each date.")] = 1,
    as_json: Json = False,
) -> None:
    """Every factor of one's own: its state, coverage, rank information coefficient and turnover."""
    answer = connect().get("/factors", sessions=sessions, horizon=horizon, limit=500)
    if as_json:
        screen.document(answer)
        return
    headers = ("factor", "state", "newest", "coverage", "ic", "ic ratio", "turnover", "made of")
    screen.table(headers, map(_row, answer["items"]), spare=("made of", "ic ratio", "newest"))


def _row(one: dict[str, Any]) -> list[Any]:
    back = f", {one['lookback']} days" if one["kind"] == "time_series" and one["lookback"] else ""
    shown = [None if one[name] is None else f"{one[name]:.{places}f}" for name, places in _PLACES.items()]
    return [one["factor"], one["state"], one["newest_date"], *shown, f"{', '.join(one['inputs'])}{back}"]


_PLACES = {"coverage": 3, "ic": 4, "ic_ratio": 2, "turnover": 3}
