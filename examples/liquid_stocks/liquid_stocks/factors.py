"""Factors: a small function each, and each a column of the dataset `factors`."""

import pandas as pd

from app.stocks import factor


@factor(name="reversal_5d", inputs=["close"], lookback=6)
def reversal(close: pd.Series) -> pd.Series:
    """Return of five traded days, turned round: what fell is expected to rise."""
    return -(close / close.shift(5) - 1)


@factor(lookback=20)
def illiquidity_20d(close: pd.Series, total_turnover: pd.Series) -> pd.Series:
    """Price impact: mean of |return| per CNY 100 million traded, of 20 days (Amihud 2002)."""
    moved = close.pct_change().abs().where(total_turnover > 0)
    return (moved / (total_turnover / 1e8)).rolling(19).mean()


@factor(kind="cross_section")
def calm_value(book_yield: pd.Series, volatility_20d: pd.Series) -> pd.Series:
    """Mean of two ranks of the day: cheap by book value, and quiet."""
    return (book_yield.rank(pct=True) + (-volatility_20d).rank(pct=True)) / 2
