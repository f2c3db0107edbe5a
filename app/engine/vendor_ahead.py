"""A vendor's data that triggers wait for: each session once, within its window, asked of the source by a query."""

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import structlog

from app import clock
from app.definitions.calendar import Calendar
from app.definitions.moment import Moment, parse_moment
from app.definitions.readiness import is_ready, next_look
from app.engine.query_child import QueryChild
from app.errors import NotFound, OpenbellError
from app.store import calendars, definitions, firing, firings, lookouts, triggers
from app.store.acceptance import Cause
from app.store.database import Connection, Database
from app.store.definitions import Definition
from app.store.firings import Outcome

_log = structlog.get_logger("openbell.lookout")
_ASK_SECONDS = 30
_AGAIN = timedelta(minutes=1)
_NEXT_DAY = timedelta(hours=6)
"""When to look for a window that no calendar tells yet."""

_WEEK = timedelta(days=14)


class VendorAhead:
    """Remembers how much it saw at the look before: two processes that take turns need a look more, and no more than that."""

    def __init__(self, database: Database, queries: QueryChild) -> None:
        self._database = database
        self._queries = queries
        self._rows: dict[tuple[str, date], int] = {}

    def look(self, trigger: Definition, now: datetime) -> datetime:
        """Fire when the day's data are ready, say so when their time is over; answers when to look again."""
        with self._database.read() as connection:
            calendar = _calendar(connection, trigger)
            since = lookouts.looked_until(connection, trigger.name) or trigger.created_at
        if calendar is None:
            return now + _AGAIN
        for day in _sessions(calendar, since, now):
            opens, closes = _window(calendar, trigger, day)
            if now < opens:
                return opens
            if closes > since and not self._is_decided(trigger, day):
                pause = self._decide(trigger, day, opens, closes, now)
                if pause is not None:
                    return min(now + pause, closes)
            if closes <= now:
                self._database.write(partial(lookouts.settle, name=trigger.name, until=closes))
        return now + _NEXT_DAY

    def _is_decided(self, trigger: Definition, day: date) -> bool:
        with self._database.read() as connection:
            row = firings.find(connection, "trigger", trigger.name, _key(day))
        return row is not None and row["outcome"] != "held"

    def _decide(self, trigger: Definition, day: date, opens: datetime, closes: datetime, now: datetime) -> timedelta | None:
        """Whether anything about that day is decided now: None, or after how long to look again."""
        if now >= closes:
            if trigger.paused_at is not None:
                self._note(trigger, day, closes, "skipped", "paused", f"the trigger {trigger.name!r} is paused")
            else:
                late = f"the data of {day} were not ready by {clock.iso(closes)}"
                self._note(trigger, day, closes, "missed", "not_ready", late)
            return None
        if trigger.paused_at is not None:
            return _AGAIN
        answer = self._ask(trigger, day)
        if not is_ready(answer, self._rows.get((trigger.name, day))):
            self._rows[trigger.name, day] = answer["rows"] or 0
            self._note(trigger, day, opens, "held", "not_ready", f"{answer['detail']}; looked at until {clock.iso(closes)}")
            return next_look(answer, now - opens)
        self._rows.pop((trigger.name, day), None)
        payload = {"trade_date": day.isoformat(), "dataset": trigger.document["when"]["vendor_ready"]["dataset"]}
        cause = Cause("event", trigger.name)
        fire = partial(triggers.seen, trigger=trigger, key=_key(day), at=now, payload=payload, cause=cause)
        fired = self._database.write(fire)
        _log.info("vendor ready", trigger=trigger.name, trade_date=str(day), outcome=fired.outcome, run=fired.run_id)
        return None

    def _ask(self, trigger: Definition, day: date) -> dict[str, Any]:
        asked = {"dataset": trigger.document["when"]["vendor_ready"]["dataset"], "trade_date": day.isoformat()}
        try:
            answer: Any = self._queries.ask("source_readiness", asked, timeout=_ASK_SECONDS)
        except OpenbellError as error:
            # A source that is away for a moment is not ready now; its time is not over.
            return {"ready": False, "rows": None, "rows_before": None, "detail": str(error)}
        return dict(answer)

    def _note(self, trigger: Definition, day: date, due_at: datetime, outcome: Outcome, reason: str, detail: str) -> None:
        row = firings.changed(firing.of(trigger, _key(day), due_at, day), outcome, reason, detail)
        self._database.write(partial(firings.note, found=[row]))


def _key(day: date) -> str:
    return f"ready {day}"


def _calendar(connection: Connection, trigger: Definition) -> Calendar | None:
    job = definitions.find(connection, "job", trigger.document["job"])
    try:
        return calendars.load(connection, job.document["calendar"]) if job else None
    except NotFound:
        return None


def _sessions(calendar: Calendar, since: datetime, now: datetime) -> list[date]:
    """The sessions from the one that is not settled on to the next one to come."""
    first, last = since.astimezone(calendar.zone).date(), now.astimezone(calendar.zone).date() + _WEEK
    return [day for day in calendar.sessions if first <= day <= last]


def _window(calendar: Calendar, trigger: Definition, day: date) -> tuple[datetime, datetime]:
    asked = trigger.document["when"]["vendor_ready"]
    opens, closes = (_instant(calendar, parse_moment(asked[name]), day) for name in ("from", "until"))
    return opens, closes


def _instant(calendar: Calendar, moment: Moment | None, day: date) -> datetime:
    assert moment is not None
    if moment.at is not None:
        return datetime.combine(day, moment.at, calendar.zone)
    anchors = [session.anchor(moment.anchor or "") for session in calendar.sessions_as_usual(day)]
    return max(anchor for anchor in anchors if anchor is not None) + moment.offset
