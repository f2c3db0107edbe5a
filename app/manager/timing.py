"""The timing half of the manager: what fires when and why, asked before and after; and events from outside."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from types import MappingProxyType
from typing import Any

from uuid_utils import uuid7

from app import clock
from app.definitions import prospects, waited_for
from app.definitions.calendar import Calendar
from app.definitions.pipeline import content_hash
from app.definitions.timetable import Candidate, Timetable
from app.errors import Fault, Invalid
from app.manager.checking import calendar_of, checked
from app.store import audit, catalogue, definitions, events, firings, idempotency, pools, schedules, views
from app.store.database import Connection, Database
from app.store.definitions import Definition, Kind

AHEAD = timedelta(days=1830)
"""How far a preview looks."""

EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

FURTHEST = 500
"""Moments that a preview shows at most."""


class Timing:
    """Previews, the ledger of firings, events."""

    database: Database

    def preview(self, name: str, start: datetime | None = None, until: datetime | None = None, count: int = 20) -> dict[str, Any]:
        """What a schedule will do, moment by moment, by its document and calendar of now. Raises NotFound."""
        with self.database.read() as connection:
            document = definitions.get(connection, "schedule", name).document
            fired = firings.fired_ahead(connection, "schedule", name, clock.now())
            return _preview(document, calendar_of(connection, document), start, until, count, fired)

    def preview_document(
        self, document: object, start: datetime | None = None, until: datetime | None = None, count: int = 20
    ) -> dict[str, Any]:
        """What a schedule of that document would do; it is not stored. Raises Invalid with every fault."""
        with self.database.read() as connection:
            known_pools = pools.sizes(connection)
            valid, _ = checked(connection, catalogue.current(connection), "schedule", document, known_pools)
            return _preview(valid, calendar_of(connection, valid), start, until, count)

    def timing_view(self, found: Definition) -> dict[str, Any]:
        """A schedule as it is shown: its document, what that means, what to beware of, when it is looked at next."""
        with self.database.read() as connection:
            return self._timing(connection, found)

    def timing_views(self, found: Sequence[Definition]) -> list[dict[str, Any]]:
        """The same of several."""
        with self.database.read() as connection:
            return [self._timing(connection, one) for one in found]

    @staticmethod
    def _timing(connection: Connection, found: Definition) -> dict[str, Any]:
        calendar = calendar_of(connection, found.document)
        return {
            **views.definition_view(found),
            "means": prospects.sentence(found.document),
            "warnings": prospects.warnings(found.document, calendar, clock.now()),
            "next_at": views.shown(schedules.when(connection, found.name)),
        }

    def trigger_view(self, found: Definition) -> dict[str, Any]:
        """A trigger as it is shown: its document, and what that means."""
        return {**views.definition_view(found), "means": waited_for.sentence(found.document)}

    def list_firings(
        self, kind: Kind | None = None, name: str | None = None, *, before: int | None = None, limit: int = 100, **wanted: Any
    ) -> list[dict[str, Any]]:
        """What came of each moment, the latest written first. Raises NotFound for a name that never was."""
        with self.database.read() as connection:
            # What was deleted keeps its ledger.
            if name is not None and kind is not None and definitions.find(connection, kind, name, 1) is None:
                definitions.get(connection, kind, name)
            rows = firings.page(connection, kind, name, before=before, limit=limit, **wanted)
            return [views.row_view(row) for row in rows]

    def send_event(
        self, name: str, payload: dict[str, Any], *, by: str, idempotency_key: str | None = None
    ) -> tuple[dict[str, Any], bool]:
        """Take an event and fire what waits for it, in one transaction; the event, and whether it is a repetition."""

        def work(connection: Connection) -> tuple[dict[str, Any], bool]:
            def make() -> dict[str, Any]:
                event_id = str(uuid7())
                audit.add(connection, by, "send", "event", name)
                return events.receive(connection, event_id, name, payload, by)

            scope = f"{by} POST /events/{name}"
            return idempotency.once(connection, scope, idempotency_key, content_hash(payload), make)

        return self.database.write(work)


def _preview(
    document: dict[str, Any],
    calendar: Calendar | None,
    start: datetime | None,
    until: datetime | None,
    count: int,
    fired: Mapping[datetime, str] = MappingProxyType({}),
) -> dict[str, Any]:
    if document.get("calendar") and calendar is None:
        fault = Fault("/calendar", f"the calendar {document['calendar']!r} is not planted yet")
        raise Invalid("There is no preview yet.", hint="Try again in a moment: the first start plants it.", faults=[fault])
    begin = start or clock.now()
    for name, at in (("from", start), ("until", until)):
        if at is not None and not EARLIEST <= at <= LATEST:
            fault = Fault(f"/query/{name}", f"must lie from {EARLIEST.year} to {LATEST.year}")
            raise Invalid("The query is not valid.", faults=[fault])
    end = until or begin + AHEAD
    if end < begin:
        raise Invalid("The query is not valid.", faults=[Fault("/query/until", "lies before from")])
    # The instant itself counts.
    moments = Timetable(document, calendar).between(begin - timedelta(microseconds=1), end)
    return {
        "means": prospects.sentence(document),
        "warnings": prospects.warnings(document, calendar, clock.now()),
        "items": [_moment(candidate, document, fired) for candidate in islice(moments, min(count, FURTHEST))],
    }


def _moment(candidate: Candidate, document: dict[str, Any], fired: Mapping[datetime, str]) -> dict[str, Any]:
    if (run := fired.get(candidate.due_at)) is not None:
        detail = f"it has fired already, by a clock that ran ahead: run {run}"
        candidate = replace(candidate, decision="skip", reason="fired", detail=detail)
    published = document.get("trade_date") == "latest_published" and candidate.decision == "fire"
    return {
        "fires_at": clock.iso(candidate.due_at),
        "trade_date": "latest_published" if published else views.shown(candidate.trade_date),
        "decision": candidate.decision,
        "reason": candidate.reason,
        "detail": candidate.detail,
    }
