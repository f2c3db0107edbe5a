"""Checks that need a row alone. What fails one cannot be true, whatever stands around it: it is kept out."""

import numpy as np

from app.stocks.instruments import board_of
from app.stocks.quality.check import Check, Found
from app.stocks.quality.panel import UNKNOWN, Panel

_PRICES = ("open", "high", "low", "close")
_LIMITS = ("limit_up", "limit_down")
_FACTORS = ("adj_factor", "split_factor")
# VWAP from rounded turnover leaves low..high by a hair; lots for shares leave it by a factor of a hundred.
_VWAP_SLACK = 0.01
_NOISE = 1e-9


def instrument(panel: Panel) -> Found:
    """The id is that of an A-share: B-shares trade in USD and HKD, indices and funds in nothing that a share has."""

    def say(at: int) -> str:
        one = panel.ids[panel.code[at]]
        currency = "USD" if one.startswith("9") else "HKD"
        return f"{one} is a B-share, traded in {currency}" if board_of(one) else f"{one} is no A-share"

    return Found(np.ones(len(panel.code), bool), panel.board == UNKNOWN, say)


def session(panel: Panel) -> Found:
    """The exchange trades on that day."""
    return Found(np.ones(len(panel.code), bool), panel.place < 0, lambda at: f"{panel.row(at)[1]} is no trading day")


def nulls(panel: Panel) -> Found:
    """A traded day has all four prices."""
    absent = [np.isnan(panel.column(name)) for name in _PRICES]
    failed = np.logical_or.reduce(absent)

    def say(at: int) -> str:
        return f"has no {', '.join(name for name, none in zip(_PRICES, absent, strict=True) if none[at])}, yet is not suspended"

    return Found(~panel.suspended, failed, say)


def positive(panel: Panel) -> Found:
    """Prices and factors are positive, finite numbers; a factor of zero would undo a whole history."""
    named = {name: panel.column(name) for name in (*_PRICES, "prev_close", *_LIMITS, *_FACTORS)}
    wrong = {name: ~np.isnan(values) & ~((values > 0) & np.isfinite(values)) for name, values in named.items()}

    def say(at: int) -> str:
        return "; ".join(f"{name} is {named[name][at]:g}" for name in named if wrong[name][at])

    of_every_day = np.logical_or.reduce([wrong[name] for name in _FACTORS])
    return Found(~panel.suspended | of_every_day, np.logical_or.reduce(list(wrong.values())), say)


def ohlc(panel: Panel) -> Found:
    """low is the least and high the greatest of the four prices."""
    open_, high, low, close = (panel.column(name) for name in _PRICES)
    failed = (low > np.fmin(open_, close) + _NOISE) | (high < np.fmax(open_, close) - _NOISE) | (low > high + _NOISE)

    def say(at: int) -> str:
        return f"open {open_[at]:g}, high {high[at]:g}, low {low[at]:g}, close {close[at]:g}"

    return Found(~panel.suspended, failed, say)


def volume(panel: Panel) -> Found:
    """A traded day has a volume, and turnover is not negative."""
    shares, turnover = panel.column("volume"), panel.column("total_turnover")
    failed = ~(shares > 0) | (turnover < 0)

    def say(at: int) -> str:
        return f"volume is {shares[at]:.0f}, turnover {turnover[at]:g}, yet it is not suspended"

    return Found(~panel.suspended, failed, say)


def vwap(panel: Panel) -> Found:
    """Turnover per share lies within low..high: units are shares and CNY."""
    shares, turnover, low, high = (panel.column(name) for name in ("volume", "total_turnover", "low", "high"))
    checked = ~panel.suspended & (shares > 0) & np.isfinite(turnover)
    mean = np.divide(turnover, shares, out=np.full(len(shares), np.nan), where=checked)
    failed = (mean < low * (1 - _VWAP_SLACK)) | (mean > high * (1 + _VWAP_SLACK))

    def say(at: int) -> str:
        guess = ": volume in lots of 100?" if low[at] <= mean[at] / 100 <= high[at] else ""
        return f"turnover / volume is {mean[at]:g}, outside {low[at]:g}..{high[at]:g}{guess}"

    return Found(checked, failed, say)


CHECKS: tuple[Check, ...] = (
    Check("instrument", "the id is that of an A-share", "quarantine", 1, instrument, final=True),
    Check("session", "the exchange trades on that day", "quarantine", 1, session, final=True),
    Check("nulls", "a traded day has all four prices", "quarantine", 2, nulls, final=True),
    Check("positive", "prices and factors are positive, finite numbers", "quarantine", 2, positive, final=True),
    Check("ohlc", "low is the least and high the greatest of the four", "quarantine", 2, ohlc),
    Check("volume", "a traded day has a volume, and turnover is not negative", "quarantine", 1, volume),
    Check("vwap", "turnover / volume lies within low..high, to 1 %", "quarantine", 2, vwap),
)
"""In this order: the first that a row fails is the one that is named."""
