"""Price limits by board and date, and prices rounded as the exchanges round."""

from datetime import date

import numpy as np
import pytest

from app.stocks import calendar
from app.stocks.instruments import BOARDS
from app.stocks.quality import limits


def rate(board: str, day: str, *, st: bool = False) -> int:
    place = np.array([BOARDS.index(board)])
    return int(limits.percent(place, calendar.day_numbers([date.fromisoformat(day)]), np.array([st]))[0])


@pytest.mark.parametrize(
    ("board", "day", "st", "expected"),
    [
        ("main", "1996-12-13", False, 0),
        ("main", "1996-12-16", False, 10),
        ("main", "2026-07-03", True, 5),
        ("main", "2026-07-06", True, 10),
        ("chinext", "2020-08-21", False, 10),
        ("chinext", "2020-08-24", False, 20),
        ("chinext", "2020-08-24", True, 20),
        ("star", "2019-07-22", False, 20),
        ("star", "2024-01-02", True, 20),
        ("bjse", "2024-01-02", False, 30),
    ],
)
def test_the_rule_of_the_day_holds(board: str, day: str, st: bool, expected: int) -> None:
    assert rate(board, day, st=st) == expected


@pytest.mark.parametrize(
    ("board", "listed", "sessions"),
    [
        ("main", "2023-04-07", 1),
        ("main", "2023-04-10", 5),
        ("chinext", "2020-08-24", 5),
        ("star", "2020-01-02", 5),
        ("bjse", "2022-01-04", 1),
    ],
)
def test_a_new_listing_trades_freely_at_first(board: str, listed: str, sessions: int) -> None:
    place = np.array([BOARDS.index(board)])
    assert limits.free_sessions(place, calendar.day_numbers([date.fromisoformat(listed)])).tolist() == [sessions]


def test_limits_are_rounded_half_up_to_the_fen() -> None:
    # 1.15 x 0.9 = 1.035 and 4.55 x 1.1 = 5.005 exactly: floats and banker's rounding both get one of them wrong.
    low, high = limits.prices(np.array([1.15, 4.55, np.nan]), np.array([10, 10, 10]))
    assert low[:2].tolist() == [1.04, 4.10]
    assert high[:2].tolist() == [1.27, 5.01]
    assert np.isnan([low[2], high[2]]).all()
