"""Ops that compute: indicators from bars, scores from indicators. They read the lake and stage what changed."""

from datetime import date
from typing import Annotated

from app.definitions import Dataset, OpContext, op
from app.errors import Unavailable
from app.stocks.dictionary.scores import BUILT_IN
from app.stocks.factors import calculate as factors_of
from app.stocks.factors.declare import registered
from app.stocks.factors.names import FactorName
from app.stocks.ids import Symbols
from app.stocks.indicators import calculate as indicators_of
from app.stocks.lake.market_lake import market_lake
from app.stocks.scoring import calculate as scores_of
from app.stocks.scoring import published
from app.stocks.scoring.neutralise import Exposure
from app.stocks.scoring.universe import Universe


@op(publishes="publish", timeout_seconds=3600)
def calculate_indicators(
    context: OpContext,
    data: Annotated[Dataset, "daily_bars"],
    *,
    symbols: Symbols | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
    publish: bool = False,
) -> Dataset:
    """Bring the indicators up to date with the bars and fundamentals: only instruments whose input changed, each whole.

    `symbols`, `start_date` and `end_date` narrow what is calculated now; the rest stays due.
    """
    lake = market_lake(context)
    result = indicators_of.calculate(lake, symbols=symbols, start=start_date, end=end_date)
    context.metric("symbols", result.symbols)
    return lake.reference("indicators", rows=result.rows)


@op(aliases=("load_indicator_data", "load_indicator_data_op"))
def load_indicators(context: OpContext) -> Dataset:
    """The published indicators. Raises Unavailable when there are none, or none of the run's trade date."""
    lake = market_lake(context)
    newest = lake.newest_date("indicators")
    if newest is None or (context.trade_date is not None and newest < context.trade_date.isoformat()):
        wanted = f"of {context.trade_date} " if context.trade_date else ""
        raise Unavailable(f"There are no indicators {wanted}yet; the newest are {newest}.", hint="indicator_job calculates them")
    return lake.reference("indicators", rows=sum(file["rows"] for file in lake.files("indicators")))


@op(publishes="publish", timeout_seconds=3600)
def calculate_scores(
    context: OpContext,
    indicators: Annotated[Dataset, "indicators"],
    *,
    weights: dict[FactorName, float] | None = None,
    universe: Universe = Universe(),  # noqa: B008  frozen
    min_factors: int = 3,
    neutralise: list[Exposure] | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
    publish: bool = False,
) -> Dataset:
    """Score the whole universe on every date whose input or rules changed.

    `weights` maps a factor to its weight, a minus where less is better; factors of one's own are brought up to date
    first. `neutralise` takes out of each factor what size or industry explains. `start_date` and `end_date` narrow the dates.
    There is one `scores`: a warning tells when other rules than the published ones replace it.
    """
    if indicators.name != "indicators":
        raise ValueError(f"scores are made from indicators, not from {indicators.name}: put calculate_indicators in between")
    lake = market_lake(context)
    narrowed = start_date is not None or end_date is not None
    rules = published.described(weights, universe, min_factors, registered, neutralise or ())
    published.warn_of_others(context, rules, narrowed=narrowed)
    factors_of.calculate(lake, [registered[name] for name in rules["weights"] if name not in BUILT_IN])
    result = scores_of.calculate(
        lake,
        context.sessions(),
        weights=weights,
        universe=universe,
        min_factors=min_factors,
        own=registered,
        neutralise=neutralise or (),
        start=start_date,
        end=end_date,
    )
    if not narrowed:
        published.note(context, rules)
    context.metric("months", result.months)
    return lake.reference("scores", rows=result.rows)
