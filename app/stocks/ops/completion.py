"""The ops of completion: which rows never came, ask for just those, judge and publish what that gave."""

from datetime import date
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from app.definitions import Dataset, OpContext, RetryPolicy, op
from app.stocks.ids import Symbols
from app.stocks.intake import completion
from app.stocks.intake.examine import examine, touched
from app.stocks.intake.intake import Intake, roll_of
from app.stocks.intake.window import LOOKBACK_SESSIONS, known_sessions, resolve
from app.stocks.lake.market_lake import market_lake
from app.stocks.ops.complete import check_bars
from app.stocks.ops.validate import known_history
from app.stocks.quality.gate import MIN_COVERAGE
from app.stocks.quality.policies import Policies


@op(aliases=("detect_missing_data", "detect_missing_data_op"))
def detect_gaps(
    context: OpContext,
    *,
    start_date: date | None = None,
    end_date: date | None = None,
    symbols: Symbols | None = None,
    lookback_sessions: Annotated[int, Field(ge=1)] | None = LOOKBACK_SESSIONS,
) -> pa.Table | None:
    """The keys of rows that the calendar and the listings call for and the lake lacks; left out when there are none.

    Looked at are `lookback_sessions` up to the end of the days asked for, null for all history. Nothing is asked of the source.
    """
    sessions = known_sessions(context)
    first, ready = known_history(context)
    window = resolve(context, sessions, first, ready, start_date=start_date, end_date=end_date)
    past = completion.looked_back(window, first, lookback_sessions)
    found = completion.missing(context, roll_of(context, symbols), past, symbols)
    context.metric("missing_rows", found.num_rows)
    context.metric("record_count", found.num_rows)
    return found if found.num_rows else None


@op(
    aliases=("fetch_missing_data", "fetch_missing_data_op"),
    retry=RetryPolicy(max_retries=3, delay=60, retry_on=("SourceBusy",)),
)
def fetch_missing(context: OpContext, missing: pa.Table, *, symbols: Symbols | None = None) -> Dataset:
    """Ask the source for those rows alone, tell who was suspended from who is lost, and stage what that gave."""
    intake = Intake(context, known_sessions(context))
    completion.fetch(intake, missing, intake.roll(symbols))
    intake.taken.report(context)
    return Dataset("daily_bars", intake.taken.staged)


@op(publishes=True, aliases=("merge_and_validate", "merge_and_validate_op"))
def merge_data(
    context: OpContext,
    data: Annotated[Dataset, "daily_bars"],
    *,
    symbols: Symbols | None = None,
    min_coverage: Annotated[float, Field(ge=0, le=1)] = MIN_COVERAGE,
    policies: Policies = Policies(),  # noqa: B008  frozen
) -> Dataset:
    """Examine the bars from the first completed month on and publish them; QualityGate when they are not fit."""
    check_bars(data)
    sessions = known_sessions(context)
    _, ready = known_history(context)
    # Without a date: up to the newest day that the lake has. Days that no sync has asked for yet are not missing.
    newest = date.fromisoformat(market_lake(context).newest_date("daily_bars") or ready.isoformat())
    window = touched(context, min(context.trade_date or newest, ready), sessions)
    return examine(context, window, symbols=symbols, min_coverage=min_coverage, policies=policies)
