"""The ops of daily_sync: whom and which days to ask for, bars and fundamentals side by side, and what publishes both."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field

from app.definitions import Dataset, OpContext, RetryPolicy, op
from app.stocks.ids import Symbols
from app.stocks.intake import plan
from app.stocks.intake.examine import examine
from app.stocks.intake.intake import REPORTS_BEFORE, Intake, roll_of
from app.stocks.intake.window import Window, known_sessions, resolve
from app.stocks.ops.complete import check_bars
from app.stocks.ops.validate import judged
from app.stocks.quality.gate import MIN_COVERAGE
from app.stocks.quality.policies import Policies

_BUSY = RetryPolicy(max_retries=3, delay=60, retry_on=("SourceBusy",))


class Dates(BaseModel):
    """The days to ask for, both ends included, and how many sessions lie in them."""

    start: date
    end: date
    sessions: int


@op(retry=_BUSY)
def get_target_symbols(context: OpContext, *, symbols: Symbols | None = None) -> Dataset:
    """Stage the source's newest word on instruments. `symbols` must be among them; without any, all of them are meant."""
    roll = Intake(context, known_sessions(context)).roll(symbols)
    return Dataset("instruments", len(roll.ids))


@op(retry=_BUSY)
def get_trading_dates(context: OpContext, *, start_date: date | None = None, end_date: date | None = None) -> Dates:
    """The days asked for: start_date to end_date, else the run's trade date, else all; Unavailable before they are ready."""
    sessions = known_sessions(context)
    intake = Intake(context, sessions)
    window = resolve(context, sessions, intake.first, intake.ready, start_date=start_date, end_date=end_date)
    context.metric("record_count", len(window.inside))
    return Dates(start=window.start, end=window.end, sessions=len(window.inside))


@op(retry=RetryPolicy(max_retries=3, delay=60), tags={"importance": "critical"})
def sync_ohlcv(
    context: OpContext,
    targets: Annotated[Dataset, "instruments"],
    dates: Dates,
    *,
    symbols: Symbols | None = None,
    refetch: bool = False,
) -> Dataset:
    """Stage the daily bars of those days that the lake lacks, or with `refetch` all of them; what cannot be true is kept out."""
    sessions = known_sessions(context)
    intake, window = Intake(context, sessions), Window(dates.start, dates.end, sessions)
    roll = roll_of(context, symbols)
    intake.take_bars(intake.spans(roll, window, symbols, refetch=refetch), window, roll)
    intake.taken.report(context)
    return Dataset("daily_bars", intake.taken.staged)


@op(retry=_BUSY)
def sync_fundamental(
    context: OpContext,
    targets: Annotated[Dataset, "instruments"],
    dates: Dates,
    *,
    symbols: Symbols | None = None,
    refetch: bool = False,
) -> Dataset:
    """Stage what companies reported on those days; of an instrument without a report in the lake also the one in force."""
    sessions = known_sessions(context)
    intake, window = Intake(context, sessions), Window(dates.start, dates.end, sessions)
    spans = plan.reports(context.lake, roll_of(context, symbols), window, REPORTS_BEFORE, refetch=refetch)
    return Dataset("fundamentals", intake.take_fundamentals(spans))


@op(publishes=True)
def validate_sync(
    context: OpContext,
    ohlcv: Annotated[Dataset, "daily_bars"],
    fundamental: Annotated[Dataset, "fundamentals"] | None = None,
    *,
    start_date: date | None = None,
    end_date: date | None = None,
    symbols: Symbols | None = None,
    min_coverage: Annotated[float, Field(ge=0, le=1)] = MIN_COVERAGE,
    policies: Policies = Policies(),  # noqa: B008  frozen
) -> Dataset:
    """Examine the bars and publish them with the fundamentals of the same days; QualityGate when the bars are not fit."""
    check_bars(ohlcv)
    window = judged(context, start_date=start_date, end_date=end_date)
    return examine(context, window, symbols=symbols, min_coverage=min_coverage, policies=policies)
