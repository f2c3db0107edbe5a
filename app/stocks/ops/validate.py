"""validate_data_quality: judge what the run staged, and publish it or fail."""

from datetime import date
from typing import Annotated

from pydantic import Field

from app.definitions import Dataset, OpContext, op
from app.errors import Invalid
from app.stocks.ids import Symbols
from app.stocks.intake.examine import examine, touched
from app.stocks.intake.window import Window, known_sessions, resolve
from app.stocks.ops.complete import check_bars
from app.stocks.quality.gate import MIN_COVERAGE
from app.stocks.quality.policies import Policies


@op(publishes="publish", aliases=("validate_sync_quality", "validate_sync_quality_op"))
def validate_data_quality(
    context: OpContext,
    data: Dataset,
    *,
    start_date: date | None = None,
    end_date: date | None = None,
    days: Annotated[int, Field(ge=1)] | None = None,
    symbols: Symbols | None = None,
    min_coverage: Annotated[float, Field(ge=0, le=1)] = MIN_COVERAGE,
    policies: Policies = Policies(),  # noqa: B008  frozen
    publish: bool = True,
) -> Dataset:
    """Examine daily bars and publish what the run staged; QualityGate when they are not fit, and readers keep the last good ones.

    Days as in load_market_data; without any, the months that the run touched. `policies` names checks that stop publication;
    without `publish` a later step publishes.
    """
    check_bars(data)
    window = judged(context, start_date=start_date, end_date=end_date, days=days)
    return examine(context, window, symbols=symbols, min_coverage=min_coverage, policies=policies)


def judged(context: OpContext, *, start_date: date | None, end_date: date | None, days: int | None = None) -> Window:
    """The days that are examined: those asked for, else the run's trade date, else the months that the run touched."""
    sessions = known_sessions(context)
    first, ready = known_history(context)
    if start_date or end_date or days or context.trade_date:
        return resolve(context, sessions, first, ready, start_date=start_date, end_date=end_date, days=days)
    return touched(context, ready, sessions)


def known_history(context: OpContext) -> tuple[date, date]:
    """From when to when the source had data when the lake was last filled. Raises Invalid for a lake without bars."""
    said = context.lake.facts("daily_bars")
    if "ready_through" not in said:
        raise Invalid("the lake has no daily bars yet", hint="daily_sync_job or daily_full_pipeline brings them")
    return date.fromisoformat(said["history_from"]), date.fromisoformat(said["ready_through"])
