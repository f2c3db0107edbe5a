"""calculate_factors: the columns of one's own functions, up to date with their code and with the data."""

from typing import Annotated

from app.definitions import Dataset, OpContext, op
from app.definitions.names import suggestion
from app.errors import Fault, Invalid
from app.stocks.factors import calculate as factors_of
from app.stocks.factors.declare import registered
from app.stocks.lake.market_lake import market_lake


@op(publishes="publish", timeout_seconds=3600)
def calculate_factors(
    context: OpContext,
    indicators: Annotated[Dataset, "indicators"],
    *,
    factors: list[str] | None = None,
    publish: bool = False,
) -> Dataset:
    """Bring the factors of one's own up to date: what is new or has new code whole, else what changed.

    `factors` names some of them. One whose code is gone stays as it was. Raises FactorFailed, naming the factor, when a
    function fails or cheats.
    """
    if indicators.name != "indicators":
        raise ValueError(f"factors are made from bars and indicators, not from {indicators.name}: put load_indicators in front")
    wanted = list(registered) if factors is None else factors
    unknown = [(at, name) for at, name in enumerate(wanted) if name not in registered]
    if unknown:
        known = f"registered are {', '.join(registered) or 'none'}"
        faults = [Fault(f"/factors/{at}", f"is no factor{suggestion(name, registered)} ({known})") for at, name in unknown]
        raise Invalid("The params are not valid.", faults=faults, hint="a module of OPENBELL_OP_MODULES brings factors along")
    lake = market_lake(context)
    result = factors_of.calculate(lake, [registered[name] for name in sorted(wanted)])
    context.metric("factors", ", ".join(result.factors) or None)
    if not registered:
        context.log.info("No module brings a factor along, so there is nothing to calculate")
    return lake.reference("factors", rows=result.rows)
