"""load_market_data, sync_data: from the configured source into the lake whatever it lacks."""

from datetime import date
from typing import Annotated

from pydantic import Field

from app.definitions import Dataset, OpContext, op
from app.stocks.ids import Symbols
from app.stocks.intake.intake import Intake
from app.stocks.intake.window import known_sessions, resolve


@op(aliases=("sync_data", "sync_data_op", "sync_from_rqdatac", "sync_from_rqdatac_op"))
def load_market_data(
    context: OpContext,
    *,
    start_date: date | None = None,
    end_date: date | None = None,
    days: Annotated[int, Field(ge=1)] | None = None,
    symbols: Symbols | None = None,
    refetch: bool = False,
) -> Dataset:
    """Stage the daily bars that the lake lacks, with instruments and fundamentals; rows that cannot be true go to quarantine.

    Days: start_date to end_date, else the run's trade date, else all history; `days` counts sessions back from the end.
    `symbols` narrows what is fetched, `refetch` fetches what the lake has already.
    """
    sessions = known_sessions(context)
    intake = Intake(context, sessions)
    window = resolve(context, sessions, intake.first, intake.ready, start_date=start_date, end_date=end_date, days=days)
    roll = intake.roll(symbols)
    intake.take(intake.spans(roll, window, symbols, refetch=refetch), window, roll)
    intake.taken.report(context)
    return Dataset("daily_bars", intake.taken.staged)
