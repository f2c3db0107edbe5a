"""A vendor's data that triggers wait for: each session once, within its window, asked of the source by a query."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
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
from app.store.firings import Firing, Outcome

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
            window = _window(calendar, trigger, day)
            opens, closes = window or _whole(calendar, day)
            if now < opens:
                return opens
            if closes > since and not self._is_decided(trigger, day, now):
                pause = self._decide(trigger, day, opens, closes, now) if window else self._pass_over(trigger, day, opens)
                if pause is not None:
                    return min(now + pause, closes)
            if closes <= now:
                self._database.write(partial(lookouts.settle, name=trigger.name, until=closes))
        return now + _NEXT_DAY

    def forget(self, names: Collection[str]) -> None:
        """Forget the days of all other triggers than these."""
        self._rows = {of: rows for of, rows in self._rows.items() if of[0] in names}

    def _is_decided(self, trigger: Definition, day: date, now: datetime) -> bool:
        """Whether nothing comes of that day any more; what a clock ahead of now left out is decided anew."""
        with self._database.read() as connection:
            row = firings.find(connection, "trigger", trigger.name, _key(day))
        if row is None or row["outcome"] == "held":
            return False
        return bool(row["outcome"] == "fired" or row["decided_at"] <= now)

    def _pass_over(self, trigger: Definition, day: date, begins: datetime) -> timedelta | None:
        """A day that has no window is decided as soon as it begins."""
        asked = trigger.document["when"]["vendor_ready"]
        detail = f"{day} has no window from {asked['from']} until {asked['until']}: no session of it has that phase"
        self._note(trigger, day, begins, "skipped", "no_moment", detail)
        return None

    def _decide(self, trigger: Definition, day: date, opens: datetime, closes: datetime, now: datetime) -> timedelta | None:
        """Whether anything about that day is decided now: None, or after how long to look again."""
        if now >= closes:
            self._rows.pop((trigger.name, day), None)
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

        def fire(connection: Connection) -> Firing:
            # In place of what a clock that ran ahead has left out: that would count as known.
            held = firings.changed(firing.of(trigger, _key(day), opens, day), "held", "not_ready", "it is ready now")
            firings.note(connection, [held])
            return triggers.seen(connection, trigger, _key(day), now, payload, cause)

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
    name = job.document.get("calendar") if job else None
    try:
        return calendars.load(connection, name) if name else None
    except NotFound:
        return None


def _sessions(calendar: Calendar, since: datetime, now: datetime) -> list[date]:
    """The sessions from the one that is not settled on to the next one to come."""
    first, last = since.astimezone(calendar.zone).date(), now.astimezone(calendar.zone).date() + _WEEK
    return [day for day in calendar.sessions if first <= day <= last]


def _window(calendar: Calendar, trigger: Definition, day: date) -> tuple[datetime, datetime] | None:
    """When to look for that day; None where its sessions lack the phase from which the window counts."""
    asked = trigger.document["when"]["vendor_ready"]
    opens, closes = (_instant(calendar, parse_moment(asked[name]), day) for name in ("from", "until"))
    return None if opens is None or closes is None else (opens, closes)


def _whole(calendar: Calendar, day: date) -> tuple[datetime, datetime]:
    begins, ends = (datetime.combine(on, time.min, calendar.zone) for on in (day, day + timedelta(days=1)))
    return begins, ends


def _instant(calendar: Calendar, moment: Moment | None, day: date) -> datetime | None:
    assert moment is not None
    if moment.at is not None:
        return datetime.combine(day, moment.at, calendar.zone)
    anchors = [session.anchor(moment.anchor or "") for session in calendar.sessions_as_usual(day)]
    found = max((anchor for anchor in anchors if anchor is not None), default=None)
    return None if found is None else found + moment.offset
