"""Calendars in the database: loaded once, changed at once, a source below and people above."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, update

from app import clock
from app.definitions.calendar import BeyondHorizon, Calendar
from app.definitions.overrides import Override, Overrides
from app.errors import Conflict, NotFound
from app.store import calendar_sources, calendars, overrides, schedules, tables
from app.store.changes import TIMES
from app.store.database import Connection, Database
from tests.store.timed import HOURS, Clock, at, define, look, prepare

DAYS = [date(2026, 12, day) for day in (21, 22, 23, 24, 28, 29, 30, 31)]
HORIZON = date(2026, 12, 31)
TYPHOON = Override(date(2026, 12, 22), False, "typhoon")


def plant(database: Database, days: list[date] = DAYS, horizon: date = HORIZON, source: str = "library 1", **more: Any) -> bool:
    content = f"{days} {horizon}"
    return database.write(
        lambda connection: calendar_sources.plant(connection, "XSHG", days, source, content, horizon=horizon, hours=HOURS, **more)
    )


@pytest.fixture
def planted(database: Database) -> Database:
    assert plant(database)
    return database


def loaded(database: Database, name: str = "XSHG") -> Calendar:
    with database.read() as connection:
        return calendars.load(connection, name)


def facts(database: Database, name: str = "XSHG") -> dict[str, Any]:
    with database.read() as connection:
        return calendars.get(connection, name)


def put(database: Database, *days: Override, known_until: date | None = None) -> bool:
    return database.write(lambda connection: overrides.put(connection, "XSHG", Overrides(days, known_until), "someone"))


def said(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        return {str(row["date"]): row for row in overrides.page(connection, "XSHG", None, 1000)}


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_loaded_a_thousand_times_it_is_read_once(planted: Database) -> None:
    first = loaded(planted)
    with planted.read() as connection, statements(planted) as seen:
        assert all(calendars.load(connection, "XSHG") is first for _ in range(1000))
    assert len(seen) == 1000
    assert not [statement for statement in seen if "FROM sessions" in statement or "FROM calendar_overrides" in statement]


def test_a_calendar_is_what_was_planted(planted: Database) -> None:
    whole = loaded(planted)
    assert (whole.sessions, whole.known_until, whole.zone.key) == (tuple(DAYS), HORIZON, "Asia/Shanghai")
    (session,) = whole.sessions_on(DAYS[0])
    assert [span.name for span in session.spans] == ["auction", "continuous", "continuous", "closing_auction"]
    assert not plant(planted), "the same content is no new version"
    assert facts(planted)["version"] == 1


def test_the_horizon_is_as_announced_and_not_the_last_session(database: Database) -> None:
    plant(database, DAYS[:-1])
    assert loaded(database).is_session(HORIZON) is False
    with pytest.raises(BeyondHorizon):
        loaded(database).is_session(HORIZON + timedelta(days=1))


def test_a_calendar_that_is_not_there(planted: Database) -> None:
    with pytest.raises(NotFound, match="There is no calendar 'xshgg'; did you mean 'XSHG'"):
        loaded(planted, "xshgg")


def test_an_override_holds_at_once_and_says_so(planted: Database) -> None:
    before = loaded(planted)
    with planted.changes.flag(TIMES) as woken:
        assert put(planted, TYPHOON)
        assert woken.is_set()
    assert before.is_session(TYPHOON.date)
    assert not loaded(planted).is_session(TYPHOON.date)
    assert facts(planted)["version"] == 2
    assert not put(planted, TYPHOON), "said again it changes nothing"
    assert facts(planted)["version"] == 2


def test_what_was_rolled_back_is_remembered_by_nobody(planted: Database) -> None:
    def refused(connection: Connection) -> None:
        overrides.put(connection, "XSHG", Overrides((TYPHOON,), None), "someone")
        assert not calendars.load(connection, "XSHG").is_session(TYPHOON.date)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        planted.write(refused)
    # The next change has the version that the lost one had.
    put(planted, Override(DAYS[2], False, "another"))
    assert loaded(planted).is_session(TYPHOON.date)
    assert not loaded(planted).is_session(DAYS[2])


def test_overrides_survive_the_next_planting(planted: Database) -> None:
    half = [[["continuous", "09:30", "11:30"]]]
    put(planted, TYPHOON, Override(date(2026, 12, 24), True, "half day", half), Override(date(2026, 12, 26), True, "ad hoc"))
    assert plant(planted, [*DAYS, date(2027, 1, 4)], date(2027, 1, 31), "library 2")
    whole = loaded(planted)
    assert [whole.is_session(date(2026, 12, day)) for day in (22, 24, 26, 27)] == [False, True, True, False]
    assert whole.special(date(2026, 12, 24)) == half
    assert whole.known_until == date(2027, 1, 31)


def test_taken_back_the_source_s_word_holds(planted: Database) -> None:
    put(planted, TYPHOON)
    assert planted.write(lambda connection: overrides.remove(connection, "XSHG", TYPHOON.date))["reason"] == "typhoon"
    assert loaded(planted).sessions == tuple(DAYS)
    with pytest.raises(NotFound, match="no override of 2026-12-22"):
        planted.write(lambda connection: overrides.remove(connection, "XSHG", TYPHOON.date))


JANUARY = [Override(date(2027, 1, day), True, "official list") for day in (4, 5, 6, 7, 8)]


def test_an_official_list_moves_the_horizon(planted: Database) -> None:
    put(planted, *JANUARY, known_until=date(2027, 1, 10))
    whole = loaded(planted)
    assert (whole.known_until, whole.last_known) == (date(2027, 1, 10), date(2027, 1, 8))
    assert (facts(planted)["horizon_date"], facts(planted)["source_horizon_date"]) == (date(2027, 1, 10), HORIZON)
    assert whole.next(HORIZON) == date(2027, 1, 4)
    assert {row["source_says"] for row in said(planted).values()} == {None}


def test_nothing_past_the_source_s_horizon_becomes_a_holiday_by_a_slip(planted: Database) -> None:
    put(planted, *JANUARY, known_until=date(2027, 1, 10))
    with pytest.raises(Conflict, match="would pass for a holiday"):
        planted.write(lambda connection: overrides.remove(connection, "XSHG", date(2027, 1, 4)))


def test_a_list_is_taken_back_by_an_earlier_horizon(planted: Database) -> None:
    put(planted, TYPHOON, *JANUARY, known_until=date(2027, 1, 10))
    put(planted, known_until=date(2027, 1, 5))
    assert loaded(planted).sessions[-2:] == (date(2027, 1, 4), date(2027, 1, 5))
    put(planted, known_until=HORIZON)
    assert loaded(planted).known_until == HORIZON
    assert set(said(planted)) == {"2026-12-22"}


def test_a_source_that_comes_later_does_not_move_a_day_of_the_list(planted: Database) -> None:
    put(planted, *JANUARY, known_until=date(2027, 1, 10))
    theirs = [date(2027, 1, day) for day in (1, 4, 5, 7, 8, 11)]
    plant(planted, [*DAYS, *theirs], date(2027, 1, 31), "library 2")
    whole = loaded(planted)
    assert whole.between(HORIZON, date(2027, 1, 31)) == (HORIZON, *(day.date for day in JANUARY), date(2027, 1, 11))
    # Where the two differ can be seen: the list called the 1st closed by leaving it out, and the 6th a session.
    differing = {day: row["reason"] for day, row in said(planted).items() if row["session"] != row["source_says"]}
    assert set(differing) == {"2027-01-01", "2027-01-06"}
    assert "library 2 says that it is a session" in differing["2027-01-01"]


def test_a_calendar_of_a_schema_without_hours_is_planted_anew(planted: Database) -> None:
    yesterday = clock.now() - timedelta(days=1)

    def forget_hours(connection: Connection) -> None:
        connection.execute(update(tables.calendars).values(hours=None))

    with planted.read() as connection:
        assert not calendar_sources.planted_before(connection, yesterday)
    planted.write(forget_hours)
    with planted.read() as connection:
        assert calendar_sources.planted_before(connection, yesterday)


def test_ranges(planted: Database) -> None:
    with planted.read() as connection:
        assert calendars.between(connection, "XSHG", date(2026, 12, 24), date(2026, 12, 28)) == DAYS[3:5]
        assert calendars.between(connection, "XSHG") == DAYS
        assert calendars.nth_back(connection, "XSHG", date(2026, 12, 27), 2) == DAYS[2]
        assert calendars.nth_back(connection, "XSHG", date(2026, 12, 27), 5) is None
        assert calendars.first_after(connection, "XSHG", date(2026, 12, 24)) == DAYS[4]
        assert calendars.first_after(connection, "XSHG", date(2026, 12, 26)) == DAYS[4]
        assert calendars.first_after(connection, "XSHG", HORIZON) is None
        assert [calendars.is_session(connection, "XSHG", day) for day in (DAYS[0], date(2026, 12, 25))] == [True, False]
        assert calendars.between(connection, "XNONE") == []


def test_a_half_day_brings_the_close_and_what_counts_from_it_nearer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch).set("2026-09-28 10:00")
    database.write(prepare)
    define(database, "schedule", {"name": "s", "job": "j", "at": "close+30m", "calendar": "XSHG"})

    def due() -> datetime | None:
        look(database)
        with database.read() as connection:
            return schedules.when(connection, "s")

    assert due() == at("2026-09-28 15:30")
    put(database, Override(date(2026, 9, 28), True, "half day", [[["continuous", "09:30", "11:30"]]]))
    assert due() == at("2026-09-28 12:00")
    put(database, Override(date(2026, 9, 27), True, "make-up day"), Override(date(2026, 9, 28), False, "typhoon"))
    assert due() == at("2026-09-28 15:30"), "a holiday's moment is decided too, as skipped"
    put(database, Override(date(2026, 10, 2), True, "ad-hoc session"))
    Clock(monkeypatch).set("2026-10-02 15:30")
    assert [firing.outcome for firing in look(database)][-1] == "fired"
