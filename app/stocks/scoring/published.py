"""The rules that the published scores were made by: there is one `scores`, so another job's rules replace all of its rows."""

from collections.abc import Collection, Mapping
from typing import Any

from app.definitions import OpContext
from app.stocks.scoring.neutralise import Exposure, exposures
from app.stocks.scoring.universe import Universe
from app.stocks.scoring.weights import check


def described(
    weights: Mapping[str, float] | None,
    universe: Universe,
    min_factors: int,
    own: Collection[str] = (),
    neutralise: Collection[Exposure] = (),
) -> dict[str, Any]:
    """The rules as JSON. Raises ValueError for weights that cannot be."""
    return {
        "weights": check(weights, min_factors, own),
        "universe": universe.model_dump(mode="json"),
        "min_factors": min_factors,
        "neutralise": list(exposures(neutralise)),
    }


def warn_of_others(context: OpContext, rules: dict[str, Any], *, narrowed: bool) -> None:
    """Log a warning when the published scores were made by other rules; `narrowed`: only some dates are scored now."""
    before = dict(context.lake.facts("scores").get("rules") or {})
    job = before.pop("job", None)
    if not before or before == rules:
        return
    what = "the dates asked for are" if narrowed else "all rows are"
    context.log.warning(
        f"the rules differ from those of the scores published by job {job}: {what} calculated anew and replaced",
        changed=sorted(name for name in rules if rules[name] != before.get(name)),
    )


def note(context: OpContext, rules: dict[str, Any]) -> None:
    """Say with the scores by whose rules all of them are made."""
    context.lake.note("scores", rules={**rules, "job": context.job})
