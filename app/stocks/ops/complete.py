"""complete_data: look back for rows that never came, fetch them, tell suspended from lost, and judge the whole."""

from datetime import date
from typing import Annotated

from pydantic import Field

from app.definitions import Dataset, OpContext, op
from app.errors import Invalid
from app.stocks.ids import Symbols
from app.stocks.intake import completion
from app.stocks.intake.examine import examine, touched
from app.stocks.intake.intake import Intake
from app.stocks.intake.window import LOOKBACK_SESSIONS, known_sessions, resolve
from app.stocks.quality.gate import MIN_COVERAGE
from app.stocks.quality.policies import Policies


@op
def complete_data(
    context: OpContext,
    data: Dataset,
    *,
    start_date: date | None = None,
    end_date: date | None = None,
    symbols: Symbols | None = None,
    lookback_sessions: Annotated[int, Field(ge=1)] = LOOKBACK_SESSIONS,
    min_coverage: Annotated[float, Field(ge=0, le=1)] = MIN_COVERAGE,
    policies: Policies = Policies(),  # noqa: B008  frozen
) -> Dataset:
    """Fetch missing rows of the last sessions, infer suspensions, then examine the bars; QualityGate when they are not fit.

    `policies` names checks that stop publication when they find anything.
    """
    check_bars(data)
    sessions = known_sessions(context)
    intake = Intake(context, sessions)
    window = resolve(context, sessions, intake.first, intake.ready, start_date=start_date, end_date=end_date)
    roll = intake.roll(symbols)
    past = completion.looked_back(window, intake.first, lookback_sessions)
    completion.fetch(intake, completion.missing(context, roll, past, symbols), roll)
    intake.taken.report(context)
    if start_date is None and end_date is None and context.trade_date is None:
        window = touched(context, window.end, sessions)
    return examine(context, window, symbols=symbols, min_coverage=min_coverage, policies=policies)


def check_bars(data: Dataset) -> None:
    """Raise Invalid for a dataset that is not daily_bars."""
    if data.name != "daily_bars":
        raise Invalid(f"the dataset {data.name!r} holds no daily bars", hint="feed it from load_market_data or sync_data")
