"""Scores: a weighted mean of standardised factors across the whole universe of a trade date."""

from collections.abc import Mapping
from typing import Any

from app.stocks.dictionary.market import ORDER_BOOK_ID, TRADE_DATE
from app.stocks.schema import Column, Spec

BUILT_IN = (
    "momentum_20d",
    "volatility_20d",
    "rsi14",
    "volume_ratio_5d",
    "macd_hist_ratio",
    "earnings_yield",
    "book_yield",
    "turnover_rate",
    "sales_yield",
    "roe_ttm",
    "log_market_cap",
)
"""What weights may name beside factors of one's own.

macd_hist_ratio is macd_hist / back-adjusted close; turnover_rate comes from the bars."""

OWN = "own_factors"
"""The fact that names the factors of one's own which the scores have a contribution of."""


def _contribution(name: str) -> Column:
    return Column(
        f"contrib_{name}", "float", "", f"what {name} adds to total", f"{name}的贡献", "weight x z / sum(|weights| present)"
    )


def _contributions(facts: Mapping[str, Any]) -> tuple[Column, ...]:
    return tuple(_contribution(name) for name in facts.get(OWN) or ())


SCORES = Spec(
    "scores",
    "Scores of the universe of every trade date",
    "综合评分",
    key=("order_book_id", "trade_date"),
    made_of=("daily_bars", "indicators", "factors", "instruments"),
    columns=(
        ORDER_BOOK_ID,
        TRADE_DATE,
        Column("score", "float", "0..100", "percentile of total on that date, ties share the mean", "综合评分"),
        Column("total", "float", "", "weighted mean of the factors' z-scores", "加权总分", "sum(contrib_*)"),
        Column("rank", "integer", "", "1 is the best total of the date, ties share the best", "排名"),
        Column("factors", "integer", "", "how many factors exist; no score below min_factors", "有效因子数", nullable=False),
        Column("usable_from", "date", "", "next session (T+1); null past the calendar", "可用日期"),
        *(_contribution(name) for name in BUILT_IN),
    ),
    grows=_contributions,
)
