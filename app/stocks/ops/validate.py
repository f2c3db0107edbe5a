"""validate_data_quality: judge what the run staged, and publish it or fail."""

from datetime import date
from typing import Annotated

from pydantic import Field

from app.definitions import Dataset, OpContext, op
from app.errors import Invalid
from app.stocks.ids import Symbols
from app.stocks.intake.examine import examine, touched
from app.stocks.intake.window import known_sessions, resolve
from app.stocks.ops.complete import check_bars
from app.stocks.quality.gate import MIN_COVERAGE


@op(publishes=True, aliases=("validate_sync_quality", "validate_sync_quality_op"))
def validate_data_quality(
    context: OpContext,
    data: Dataset,
    *,
    start_date: date | None = None,
    end_date: date | None = None,
    days: Annotated[int, Field(ge=1)] | None = None,
    symbols: Symbols | None = None,
    min_coverage: Annotated[float, Field(ge=0, le=1)] = MIN_COVERAGE,
    block: list[str] | None = None,
) -> Dataset:
    """Examine daily bars and publish what the run staged; QualityGate when they are not fit, and readers keep the last good ones.

    Days as in load_market_data; without any, the months that the run touched. `block` names checks that stop publication.
    """
    check_bars(data)
    sessions = known_sessions(context)
    said = context.lake.facts("daily_bars")
    if "ready_through" not in said:
        raise Invalid("the lake has no daily bars yet", hint="load_market_data or sync_data goes before")
    first, ready = (date.fromisoformat(said[name]) for name in ("history_from", "ready_through"))
    window = touched(context, ready, sessions)
    if start_date or end_date or days or context.trade_date:
        window = resolve(context, sessions, first, ready, start_date=start_date, end_date=end_date, days=days)
    return examine(context, window, symbols=symbols, min_coverage=min_coverage, block=block or ())
