"""What a schedule means in one sentence, what it should be warned of, and whether it can fire at all."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from cronsim import CronSim

from app.definitions.calendar import Calendar
from app.definitions.moment import parse_moment
from app.definitions.timetable import Timetable

_BACK = timedelta(days=366 * 5)
_AHEAD = timedelta(days=366 * 5)
_LOOKED_AT = 5000
_DAY = timedelta(days=1)
_A_FEW = 5
"""Moments of one day: if one of a session's fires, the first does."""

_DATES = {
    "same": "for that day",
    "previous": "for the session before",
    "latest_published": "for the newest trade date that is published",
}
_ANCHORS = {
    "auction": "the call auction",
    "open": "the open",
    "lunch": "the lunch break",
    "close": "the close",
    "after_hours_close": "the close of after-hours trading",
}


def impossible(document: Mapping[str, Any], calendar: Calendar | None, now: datetime) -> str:
    """Why it can never fire, in a sentence; empty when it can, or when nobody knows."""
    end = document.get("end_date")
    timetable = Timetable(document, calendar)
    ahead = timetable.between(now, now + _AHEAD)
    seen = None
    for _, seen in zip(range(_LOOKED_AT), ahead, strict=False):
        if seen.decision == "fire":
            return ""
    if end and seen is None:
        return f"would never fire: it has no moment from now to its end_date {end}"
    if seen is None:
        return "would never fire: there is no such moment in the next five years"
    if calendar is None or _has_fired(document, calendar, now):
        return ""
    return f"would never fire: none of its moments is on a session of {calendar.name}, as {seen.due_at:%Y-%m-%d} is not"


def _has_fired(document: Mapping[str, Any], calendar: Calendar, now: datetime) -> bool:
    """Whether it would have on a session of the last five years. Session by session: a minute's cron fills a holiday too."""
    unbound = {name: value for name, value in document.items() if name not in ("start_date", "end_date")}
    timetable, first = Timetable(unbound, calendar), (now - _BACK).date()
    for day in reversed([day for day in calendar.sessions if first <= day <= now.date()]):
        begin = datetime.combine(day, time(0), calendar.zone)
        if any(found.decision == "fire" for _, found in zip(range(_A_FEW), timetable.between(begin, begin + _DAY), strict=False)):
            return True
    return False


def warnings(document: Mapping[str, Any], calendar: Calendar | None, now: datetime) -> list[str]:
    """What may surprise its owner."""
    if calendar is None:
        return []
    for _, candidate in zip(range(50), Timetable(document, calendar).between(now, now + timedelta(days=60)), strict=False):
        if candidate.decision != "fire" or candidate.trade_date is None:
            continue
        closes = [session.anchor("close") for session in calendar.sessions_as_usual(candidate.trade_date)]
        close = max((instant for instant in closes if instant), default=None)
        if close is not None and candidate.due_at < close:
            local = candidate.due_at.astimezone(calendar.zone)
            early = (
                f"It fires at {local:%H:%M} for the same day, before that day's close at {close.astimezone(calendar.zone):%H:%M}"
            )
            return [f'{early}: end-of-day data is not there yet. For the day before say "trade_date": "previous".']
        return []
    return []


def sentence(document: Mapping[str, Any]) -> str:
    """What it means, for people."""
    named, rule = document.get("calendar"), document.get("trade_date", "same")
    if "cron" in document:
        explained = CronSim(document["cron"], datetime(2026, 1, 1, tzinfo=UTC)).explain()
        text = f"{explained} ({_zone(document)})" + (f", on sessions of {named} only" if named else "")
    else:
        text = f"{moment_words(document)} {_days(document)}"
    dates = f", {_DATES[rule]}" if named or rule == "latest_published" else ""
    start, end = document.get("start_date"), document.get("end_date")
    return text + dates + (f", from {start}" if start else "") + (f", until {end}" if end else "") + "."


def _zone(document: Mapping[str, Any]) -> str:
    return str(document.get("timezone", "Asia/Shanghai"))


def moment_words(document: Mapping[str, Any]) -> str:
    """Its `at`, as a sentence begins with it."""
    moment = parse_moment(document["at"])
    assert moment is not None
    if moment.at is not None:
        return f"At {moment.at:%H:%M} ({_zone(document)})"
    anchor = _ANCHORS[moment.anchor or ""]
    minutes = int(moment.offset.total_seconds() // 60)
    if minutes == 0:
        return f"At {anchor}"
    count, unit = (abs(minutes), "minute") if minutes % 60 else (abs(minutes) // 60, "hour")
    return f"{count} {unit}{'s' if count > 1 else ''} {'after' if minutes > 0 else 'before'} {anchor}"


def _days(document: Mapping[str, Any]) -> str:
    named, day = document.get("calendar"), document.get("day")
    if named is None:
        return "every day"
    if isinstance(day, Mapping):
        number = day["nth"]
        place = {1: "first", -1: "last", 2: "second", 3: "third", -2: "last but one"}.get(number, f"number {number}")
        return f"on the {place} session of every {day['of']} of {named}"
    return f"on the session after every session of {named}" if day == "T+1" else f"on every session of {named}"
