"""When a promise will be kept, from how comparable days went: early enough to do something about it. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ENOUGH = 3
"""Comparable days without which nothing is foreseen."""


@dataclass(frozen=True)
class PastDay:
    """When a day's first success came, counted from the close of its session, and how long that run took."""

    after_close: timedelta
    duration: timedelta


@dataclass(frozen=True)
class Foresight:
    """The instant at which the promise will be kept, whether that is too late, and why it is thought so."""

    at: datetime
    late: bool
    sentence: str


def foresee(
    past: Sequence[PastDay], closes_at: datetime, due_at: datetime, now: datetime, started_at: datetime | None = None
) -> Foresight | None:
    """What those days say of a promise that is not kept yet; None when they are too few.

    It comes as long after the close as half of them did or later: not before a run that begins now could end, and where one has
    been running since `started_at`, when that one ends as half of them did, or as nine of ten when it is past that, or later.
    """
    if len(past) < ENOUGH:
        return None
    usual, most = (rank([day.after_close for day in past], share) for share in (50, 90))
    median, nine_of_ten = (rank([day.duration for day in past], share) for share in (50, 90))
    days = f"of the last {len(past)} days half were ready by {_clock(closes_at + usual, closes_at)}"
    days += f", nine of ten by {_clock(closes_at + most, closes_at)}"
    if started_at is None:
        at, why = max(closes_at + usual, now + median), f"no run of it is at work; one takes {_long(median)}"
    else:
        elapsed = now - started_at
        at, why = started_at + median, f"its run has been at work for {_long(elapsed)}; one takes {_long(median)}"
        if elapsed > median:
            at, why = max(now, started_at + nine_of_ten), f"{why}, nine of ten at most {_long(nine_of_ten)}"
    return Foresight(at, at > due_at, f"{why}; {days}")


def rank(values: Sequence[timedelta], share: int) -> timedelta:
    """The percentile by the nearest rank."""
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]


def _clock(at: datetime, like: datetime) -> str:
    return f"{at:%H:%M}" if at.date() == like.date() else f"{at:%m-%d %H:%M}"


def _long(span: timedelta) -> str:
    seconds = round(max(span, timedelta(0)).total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds % 3600 // 60} min"
