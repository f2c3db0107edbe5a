"""The job and when it fires, in Python. Each decorator compiles to the document that could be sent over HTTP as well."""

from app.definitions import job, schedule
from app.stocks.ops.load import load_market_data
from liquid_stocks.ops import keep_liquid, list_at_limit, rank_by_turnover, recent_bars, split_by_limit


@job(name="liquid_job", tags={"type": "research"})
def liquid_job(days: int = 20, min_total_turnover: float = 1e7, top: int = 20) -> None:
    """Rank the names that trade enough; name those that closed at their limit, if there are any."""
    bars = recent_bars(load_market_data(), days=days)
    tradable, at_limit = split_by_limit(keep_liquid(bars, min_total_turnover=min_total_turnover))
    rank_by_turnover(tradable, top=top)
    # The branch: this node is skipped when split_by_limit leaves its second output out.
    list_at_limit(at_limit)


@schedule(cron_schedule="0 20 * * 1-5", job=liquid_job, execution_timezone="Asia/Shanghai", calendar="XSHG", trade_date="same")
def liquid_schedule() -> dict[str, int]:
    """Every trading day at 20:00, when vendors have published the day."""
    return {"top": 50}
