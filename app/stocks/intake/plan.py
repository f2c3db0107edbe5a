"""What to ask of a source: for each instrument the days before its first row in the lake and those after its last one.

Holes between are completion's part: they are few, and most of them are suspensions.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from app.definitions.lake import Lake
from app.stocks import calendar, dictionary
from app.stocks.arrays import Ints
from app.stocks.gaps import Roll, spans
from app.stocks.intake.window import Window
from app.stocks.lake.market_lake import MarketLake

_KEYS = dictionary.get("daily_bars")


@dataclass(frozen=True)
class Span:
    """These instruments, from start to end. `new`: the lake has no row of them in the window.

    `strangers`: whatever is no known instrument is taken along, to be kept out with its reason rather than passed over.
    """

    start: date
    end: date
    ids: list[str]
    new: bool = False
    strangers: bool = False

    def within(self, window: Window) -> "Span | None":
        """The part of the span that lies in the window."""
        start, end = max(self.start, window.start), min(self.end, window.end)
        return replace(self, start=start, end=end) if start <= end else None


def everything(roll: Roll, window: Window, *, strangers: bool) -> list[Span]:
    """The whole window anew."""
    return [Span(window.start, window.end, roll.ids, new=True, strangers=strangers)]


def held(lake: Lake, roll: Roll, window: Window) -> tuple[Ints, Ints]:
    """The first and the last day in the window of which the lake has a row, for each of the roll; first > last without any."""
    first, last = spans(roll, _KEYS.arrow.empty_table())
    # Month by month: a month is one file in key order, and ten years of keys need not be held, let alone sorted.
    for month in window.months():
        low, high = spans(roll, lake.read("daily_bars", columns=_KEYS.key, start=month.start, end=month.end))
        first, last = np.minimum(first, low), np.maximum(last, high)
    return first, last


def seen(lake: MarketLake, roll: Roll, sessions: list[date]) -> Roll:
    """Whom no listing date is told of is expected from its first row in the lake to its last."""
    ends = [text for file in lake.files("daily_bars") for text in (file["min_date"], file["max_date"]) if text]
    if roll.told.all() or not ends:
        return roll
    first, last = held(lake, roll, Window(date.fromisoformat(min(ends)), date.fromisoformat(max(ends)), sessions))
    known = np.where(roll.told, roll.first, first), np.where(roll.told, roll.last, last)
    return replace(roll, first=known[0], last=known[1], told=np.ones(len(roll.ids), dtype=bool))


def lacking(roll: Roll, have: tuple[Ints, Ints], window: Window, *, strangers: bool) -> list[Span]:
    """The spans that the lake lacks, having what `held` says. `strangers` come with the largest."""
    sessions = calendar.day_numbers(window.inside)
    # To the window's edges, not to its first and last session: a row on a Sunday is there to be kept out, with its reason.
    start, end = (int(day) for day in calendar.day_numbers([window.start, window.end]))
    first, last = np.maximum(roll.first, start), np.minimum(roll.last, end)
    have_first, have_last = have
    wanted: dict[tuple[int, int, bool], list[str]] = defaultdict(list)
    for at, one in enumerate(roll.ids):
        if first[at] > last[at]:
            continue
        if have_first[at] > have_last[at]:
            # Not from the listing on: one question for all, and the source knows the listing as well.
            wanted[start, end, True].append(one)
            continue
        if _any_session(sessions, first[at], have_first[at] - 1):
            wanted[start, int(have_first[at]) - 1, False].append(one)
        if _any_session(sessions, have_last[at] + 1, last[at]):
            wanted[int(have_last[at]) + 1, end, False].append(one)
    if not roll.ids and strangers:
        return everything(roll, window, strangers=True)
    largest = max(wanted, key=lambda key: len(wanted[key]), default=None)
    return [
        Span(calendar.day_of(key[0]), calendar.day_of(key[1]), ids, new=key[2], strangers=strangers and key == largest)
        for key, ids in sorted(wanted.items())
    ]


def reports(lake: Lake, roll: Roll, window: Window, before: timedelta, *, refetch: bool) -> list[Span]:
    """The spans of fundamentals to ask for: what the window may have added to those in the lake; `refetch`: all of the window.

    An instrument without a report in the window or in the days before it is `new`: it lacks the one in force.
    """
    keys = lake.read("fundamentals", columns=_KEYS.key, start=window.start - before, end=window.end)
    first, last = spans(roll, keys)
    known = [one for one, low, high in zip(roll.ids, first, last, strict=True) if low <= high]
    unknown = [one for one, low, high in zip(roll.ids, first, last, strict=True) if low > high]
    oldest = calendar.day_of(min(int(day) for day in last[first <= last])) if known and not refetch else window.start
    found = [Span(max(oldest, window.start), window.end, known)] if known else []
    return [*found, Span(window.start, window.end, unknown, new=True)] if unknown else found


def _any_session(sessions: Ints, low: int, high: int) -> bool:
    return bool(np.searchsorted(sessions, low) < np.searchsorted(sessions, high, side="right"))
