"""The ops of bars of minutes: from the source into the lake, judged against the daily bars, and longer bars made of them."""

import math
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from app.definitions import Dataset, OpContext, RetryPolicy, op
from app.errors import Invalid, Unavailable
from app.stocks.ids import Symbols
from app.stocks.intake.intake import Intake, roll_of
from app.stocks.intake.window import known_sessions, resolve
from app.stocks.intraday import intake
from app.stocks.intraday.minutes import LENGTHS
from app.stocks.lake.market_lake import market_lake
from app.stocks.ops.validate import known_history
from app.stocks.quality.gate import MIN_COVERAGE, QualityGate

Frequency = Literal["1m", "5m", "15m", "30m", "60m"]
_NAME = "intraday_bars"


@op(publishes="publish", retry=RetryPolicy(max_retries=3, delay=60, retry_on=("SourceBusy",)), timeout_seconds=3600)
def sync_intraday(
    context: OpContext,
    *,
    start_date: date | None = None,
    end_date: date | None = None,
    symbols: Symbols | None = None,
    frequency: Frequency = "1m",
    refetch: bool = False,
    min_coverage: Annotated[float, Field(ge=0, le=1)] = MIN_COVERAGE,
    publish: bool = True,
) -> Dataset:
    """Fetch the bars of the traded days that lack them, judge them against the daily bars and publish them.

    Days: start_date to end_date, else the run's trade date. Raises QualityGate when too many traded days have no bars at all.
    """
    sessions = known_sessions(context)
    first, ready = known_history(context)
    start = start_date or (context.trade_date or ready if end_date is None else None)
    window = resolve(context, sessions, first, ready, start_date=start, end_date=end_date)
    into = Intake(context, sessions)
    if _NAME not in into.offered:
        raise Unavailable(f"The source {into.source.name!r} offers no bars of minutes.", hint="docs/data.md tells which do")
    ids = roll_of(context, symbols).ids if symbols is not None else None
    taken = intake.take(into, window, frequency, ids, refetch=refetch)
    report = intake.judge(into.lake, frequency, window, ids)
    context.lake.note(_NAME, quality=report.quality, source=into.source.name, checks=list(report.facts()))
    context.metric("fetched_rows", taken.fetched)
    context.metric("quarantined_rows", taken.kept_out)
    for found in report.facts():
        if found["failed"]:
            context.log.warning(f"{found['check']}: {found['failed']} of {found['checked']}", examples=found["examples"])
    expected, missing = report.checked["days"], report.failed["days"]
    if missing > math.ceil(round((1 - min_coverage) * expected, 9)):
        raise QualityGate(f"Not published: {missing} of {expected} traded days of {window.start} to {window.end} have no bars.")
    return Dataset(_NAME, taken.fetched - taken.kept_out, report.quality)


@op(publishes="publish", timeout_seconds=3600)
def aggregate_intraday(
    context: OpContext,
    data: Annotated[Dataset, "intraday_bars"],
    *,
    to: list[Frequency],
    frequency: Frequency = "1m",
    start_date: date | None = None,
    end_date: date | None = None,
    symbols: Symbols | None = None,
    publish: bool = True,
) -> Dataset:
    """Make longer bars of those of `frequency`, in blocks, and keep them beside these.

    Raises Invalid for a frequency of which these are no parts.
    """
    lake = market_lake(context)
    ids = roll_of(context, symbols).ids if symbols is not None else None
    if short := [each for each in to if LENGTHS[each] % LENGTHS[frequency] or LENGTHS[each] <= LENGTHS[frequency]]:
        raise Invalid(f"bars of {frequency} are no parts of {short[0]}")
    rows = intake.lengthen(lake, frequency, to, start_date, end_date, ids)
    context.metric("record_count", rows)
    return lake.reference(_NAME, rows=rows)
