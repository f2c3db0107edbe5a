"""What triggers wait for outside: a file once, whole; a vendor's day once, within its window."""

import hashlib
import os
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import clock
from app.definitions.pipeline import content_hash
from app.engine import files_ahead
from app.engine.files_ahead import FilesAhead
from app.engine.lookout import Lookout
from app.engine.vendor_ahead import VendorAhead
from app.errors import Unavailable
from app.store import calendar_sources, definitions, firings, lookouts, runs, saving
from app.store.database import Connection, Database
from tests.store.timed import HORIZON, HOURS, SESSIONS, Clock, at, define, ledger, prepare

READY = {
    "name": "t",
    "job": "j",
    "when": {"vendor_ready": {"dataset": "daily_bars", "from": "close+30m", "until": "22:00"}},
}


class Source:
    """Answers the question whether a day is ready, and remembers who was asked for."""

    def __init__(self) -> None:
        self.answer: Any = {"ready": False, "rows": None, "rows_before": None, "detail": "nothing yet"}
        self.asked: list[str] = []

    def ask(self, name: str, params: dict[str, Any], timeout: float = 5) -> Any:
        assert name == "source_readiness"
        self.asked.append(params["trade_date"])
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def time(database: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(monkeypatch)
    database.write(prepare)
    return clock


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def lookout(database: Database, source: Source) -> Lookout:
    return Lookout(database, source, threading.Event())  # type: ignore[arg-type]  # it only asks


def dates(database: Database) -> list[date | None]:
    with database.read() as connection:
        return [row["trade_date"] for row in reversed(runs.page(connection, runs.Filter(), None, 100))]


def outcomes(database: Database) -> list[tuple[str, str | None, str | None]]:
    return [row[1:] for row in ledger(database, "trigger", "t")]


def next_at(database: Database) -> Any:
    with database.read() as connection:
        return lookouts.next_at(connection)


def test_a_vendor_is_asked_within_its_window_and_fires_once(
    database: Database, time: Clock, lookout: Lookout, source: Source
) -> None:
    define(database, "trigger", READY)
    lookout.look()
    assert source.asked == []
    assert next_at(database) == at("2026-09-28 15:30")
    time.set("2026-09-28 15:30")
    lookout.look()
    assert outcomes(database) == [("held", "not_ready", "09-28")]
    assert next_at(database) == at("2026-09-28 15:31")
    source.answer = {**source.answer, "ready": True}
    time.set("2026-09-28 16:10")
    lookout.look()
    assert dates(database) == [date(2026, 9, 28)]
    assert outcomes(database) == [("fired", None, "09-28")]
    assert next_at(database) == at("2026-09-29 15:30")
    time.set("2026-09-28 17:00")
    lookout.look()
    assert len(source.asked) == 2, "nobody asks for what is there"


def test_a_vendor_that_is_not_ready_in_time_is_missed_and_the_next_day_comes(
    database: Database, time: Clock, lookout: Lookout, source: Source
) -> None:
    define(database, "trigger", READY)
    source.answer = Unavailable("the vendor is away")
    for moment in ("2026-09-28 15:30", "2026-09-28 21:59", "2026-09-28 22:00"):
        time.set(moment)
        lookout.look()
    assert outcomes(database) == [("missed", "not_ready", "09-28")]
    assert next_at(database) == at("2026-09-29 15:30")


def test_after_days_of_downtime_each_day_is_accounted_for(
    database: Database, time: Clock, lookout: Lookout, source: Source
) -> None:
    define(database, "trigger", READY)
    time.set("2026-10-08 18:00")
    source.answer = {**source.answer, "ready": True}
    lookout.look()
    assert outcomes(database) == [
        *(("missed", "not_ready", day) for day in ("09-28", "09-29", "09-30")),
        ("fired", None, "10-08"),
    ]


def test_without_the_vendors_word_two_looks_must_see_as_much(
    database: Database, time: Clock, lookout: Lookout, source: Source
) -> None:
    define(database, "trigger", READY)
    moment = time.set("2026-09-28 15:30")
    for rows, fires in ((0, False), (90, False), (97, False), (97, False), (98, False), (99, False), (99, True)):
        source.answer = {"ready": None, "rows": rows, "rows_before": 100, "detail": f"{rows} rows"}
        time.now = moment
        lookout.look()
        assert bool(dates(database)) == fires, rows
        moment += timedelta(minutes=1)


def test_while_it_is_paused_no_vendor_is_asked(database: Database, time: Clock, lookout: Lookout, source: Source) -> None:
    define(database, "trigger", READY)
    database.write(lambda connection: saving.pause(connection, "trigger", "t", paused=True))
    time.set("2026-09-28 16:00")
    lookout.look()
    time.set("2026-09-28 22:00")
    lookout.look()
    assert source.asked == []
    assert outcomes(database) == [("skipped", "paused", "09-28")]


AFTER_HOURS = ["after_hours", "15:05", "15:30"]
LATE = {**READY, "when": {"vendor_ready": {"dataset": "daily_bars", "from": "after_hours_close", "until": "22:00"}}}


def with_a_half_day(connection: Connection) -> None:
    """Every session has trading after hours, but that of 09-28."""
    hours = [{"since": "1990-12-19", "phases": [*HOURS[0]["phases"], AFTER_HOURS]}]
    half = {date(2026, 9, 28): [[["continuous", "09:30", "11:30"]]]}
    calendar_sources.plant(connection, "XSHG", SESSIONS, "test", "half", horizon=HORIZON, hours=hours, phases=half)


def test_a_day_that_lacks_the_windows_phase_is_passed_over_and_the_next_one_fires(
    database: Database, time: Clock, lookout: Lookout, source: Source
) -> None:
    database.write(with_a_half_day)
    define(database, "trigger", LATE)
    source.answer = {**source.answer, "ready": True}
    lookout.look()
    with database.read() as connection:
        (row,) = firings.page(connection, "trigger", "t")
    assert (row["outcome"], row["reason"], row["trade_date"]) == ("skipped", "no_moment", date(2026, 9, 28))
    assert "no window from after_hours_close until 22:00" in row["detail"]
    assert next_at(database) == at("2026-09-29 15:30")
    time.set("2026-09-29 15:30")
    lookout.look()
    assert dates(database) == [date(2026, 9, 29)]
    assert source.asked == ["2026-09-29"]


def test_a_job_that_lost_its_calendar_is_looked_at_again(database: Database, time: Clock, lookout: Lookout) -> None:
    define(database, "trigger", READY)
    job = {"name": "j", "pipeline": "p"}
    database.write(lambda connection: saving.save(connection, "job", job, content_hash(job), by="test", uses="p"))
    time.set("2026-09-28 16:00")
    lookout.look()
    assert next_at(database) == at("2026-09-28 16:01")
    database.write(prepare)
    time.set("2026-09-28 16:01")
    lookout.look()
    assert outcomes(database) == [("held", "not_ready", "09-28")]


def test_after_a_clock_that_ran_ahead_each_day_fires_when_its_time_really_comes(
    database: Database, time: Clock, lookout: Lookout, source: Source
) -> None:
    define(database, "trigger", READY)
    time.set("2026-10-28 12:00")
    lookout.look()
    assert outcomes(database)[0] == ("missed", "not_ready", "09-28")
    now = time.set("2026-09-28 15:00")
    database.write(lambda connection: lookouts.set_back(connection, now))
    assert next_at(database) == now
    source.answer = {**source.answer, "ready": True}
    for moment in ("2026-09-28 15:00", "2026-09-28 15:30", "2026-09-29 15:30"):
        time.set(moment)
        lookout.look()
    assert dates(database) == [date(2026, 9, 28), date(2026, 9, 29)]
    assert [outcome[0] for outcome in outcomes(database)[:3]] == ["fired", "fired", "missed"]


def test_what_is_decided_is_remembered_no_more(database: Database, time: Clock, source: Source) -> None:
    define(database, "trigger", READY)
    ahead = VendorAhead(database, source)  # type: ignore[arg-type]  # it only asks
    with database.read() as connection:
        trigger = definitions.get(connection, "trigger", "t")
    for day in (28, 29):
        ahead.look(trigger, time.set(f"2026-09-{day} 16:00"))
        assert list(ahead._rows) == [("t", date(2026, 9, day))]
    ahead.forget({"other"})
    assert not ahead._rows


def test_two_processes_take_turns(database: Database, time: Clock, source: Source) -> None:
    define(database, "trigger", READY)
    now = time.set("2026-09-28 16:00")
    later = now + timedelta(minutes=1)
    taken = [database.write(lambda connection: lookouts.take_turn(connection, "t", now, later)) for _ in range(2)]
    assert [one is not None for one in taken] == [True, False]


@pytest.fixture
def inbox(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("app.engine.files_ahead._STEADY_SECONDS", 0.0)
    database.write(prepare)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "old.csv").write_text("was here before")
    define(
        database,
        "trigger",
        {"name": "t", "job": "j", "when": {"file": {"glob": f"{folder}/*.csv"}}, "params": {"day": "${event.name}"}},
    )
    return folder


def seen(database: Database, ahead: FilesAhead | None = None) -> list[str]:
    """Look once, as a process that began just now unless told; the files that fired since ever, by name."""
    with database.read() as connection:
        trigger = definitions.get(connection, "trigger", "t")
    (ahead or FilesAhead(database, threading.Event())).look(trigger)
    with database.read() as connection:
        return [row["params"]["day"] for row in reversed(runs.page(connection, runs.Filter(), None, 100))]


def test_a_new_file_fires_once_for_each_content(database: Database, inbox: Path) -> None:
    ahead = FilesAhead(database, threading.Event())
    assert seen(database, ahead) == []
    (inbox / "a.csv").write_text("one")
    (inbox / "b.txt").write_text("no match")
    assert seen(database, ahead) == ["a.csv"]
    assert seen(database, ahead) == ["a.csv"]
    os.utime(inbox / "a.csv")
    assert seen(database) == ["a.csv"], "touched, after a restart: its content has fired"
    (inbox / "a.csv").write_text("two")
    assert seen(database, ahead) == ["a.csv", "a.csv"]


def test_a_file_that_is_still_written_waits(database: Database, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    growing = inbox / "a.csv"
    growing.write_text("half")

    class Writing(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            with growing.open("a") as file:
                file.write("more")
            return False

    assert seen(database, FilesAhead(database, Writing())) == []
    assert seen(database) == ["a.csv"]


def test_a_file_that_came_while_nobody_looked_is_seen_after_an_edit(database: Database, inbox: Path) -> None:
    (inbox / "a.csv").write_text("one")
    pattern = {"glob": f"{inbox}/*.csv"}
    define(
        database,
        "trigger",
        {"name": "t", "job": "j", "when": {"file": pattern}, "params": {"day": "${event.name}"}, "description": "x"},
    )
    assert seen(database) == ["a.csv"]


def test_a_name_that_is_no_text_fires_too_and_keeps_no_other_from_it(database: Database, inbox: Path) -> None:
    (inbox / os.fsdecode(b"a\xff.csv")).write_text("one")
    (inbox / "b.csv").write_text("two")
    assert seen(database) == [r"a\xff.csv", "b.csv"]
    assert seen(database) == [r"a\xff.csv", "b.csv"]


def test_a_path_that_is_longer_than_an_index_may_hold_fires_once(database: Database, tmp_path: Path, inbox: Path) -> None:
    # Different in each part, or PostgreSQL would compress it.
    deep = tmp_path.joinpath("deep", *(hashlib.shake_256(bytes([n])).hexdigest(100) for n in range(17)))
    deep.mkdir(parents=True)
    document = {"name": "t", "job": "j", "when": {"file": {"glob": f"{tmp_path}/deep/**/*.csv"}}}
    define(database, "trigger", {**document, "params": {"day": "${event.name}"}})
    (deep / "a.csv").write_text("one")
    assert seen(database) == ["a.csv"]
    assert seen(database) == ["a.csv"]


def test_a_file_that_cannot_fire_says_so_and_the_next_one_is_looked_at(database: Database, inbox: Path) -> None:
    job = {"name": "j", "without": "a pipeline"}
    database.write(lambda connection: saving.save(connection, "job", job, content_hash(job), by="test", uses="p"))
    for name in ("a.csv", "b.csv"):
        (inbox / name).write_text(name)
    assert seen(database) == []
    assert [row[:2] for row in outcomes(database)] == [("failed", "refused")] * 2


def test_a_pipe_in_the_place_of_a_file_hangs_nobody(database: Database, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swapped = inbox / "a.csv"
    swapped.write_text("one")
    (inbox / "b.csv").write_text("two")
    whole = files_ahead._face

    def swapping(path: str) -> Any:
        """Answers what was there, and then puts a pipe in its place."""
        face = whole(path)
        if path == str(swapped) and face is not None and looks.pop(0) == 2:
            swapped.unlink()
            os.mkfifo(swapped)
        return face

    looks = [1, 2]
    monkeypatch.setattr(files_ahead, "_face", swapping)
    assert seen(database) == ["b.csv"]
    assert looks == []


def test_a_new_file_is_seen_however_many_there_are(database: Database, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_ahead, "_AT_ONCE", 2)
    ahead = FilesAhead(database, threading.Event())
    for name in ("c.csv", "b.csv", "a.csv"):
        (inbox / name).write_text(name)
        os.utime(inbox / name)
    assert len(seen(database, ahead)) == 2, "one look takes on so many"
    assert sorted(seen(database, ahead)) == ["a.csv", "b.csv", "c.csv"]
    (inbox / "z.csv").write_text("the newest")
    assert seen(database, ahead)[-1] == "z.csv"


def test_files_that_are_gone_are_remembered_no_more(database: Database, inbox: Path) -> None:
    ahead = FilesAhead(database, threading.Event())
    for name in ("a.csv", "b.csv"):
        (inbox / name).write_text(name)
    seen(database, ahead)
    (inbox / "a.csv").unlink()
    seen(database, ahead)
    assert [Path(face.path).name for face in ahead._seen["t"]] == ["b.csv"]
    ahead.forget({"other"})
    assert not ahead._seen


def test_a_trigger_made_by_a_clock_that_ran_ahead_sees_files_once_it_is_set_back(
    database: Database, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = clock.now()
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: present + timedelta(days=30))
        document = {"name": "t", "job": "j", "when": {"file": {"glob": f"{inbox}/*.*"}}, "params": {"day": "${event.name}"}}
        define(database, "trigger", document)
    (inbox / "a.csv").write_text("one")
    assert seen(database) == []
    database.write(lambda connection: lookouts.set_back(connection, present))
    assert seen(database) == ["a.csv"]


def test_a_trigger_that_raises_keeps_no_other_from_its_look(
    database: Database, time: Clock, lookout: Lookout, source: Source
) -> None:
    broken = {**READY, "when": {"vendor_ready": {"dataset": "daily_bars", "from": "no moment", "until": "22:00"}}}
    define(database, "trigger", broken)
    time.set("2026-09-28 16:00")
    define(database, "trigger", {**READY, "name": "u"})
    lookout.look()
    assert [row[1:] for row in ledger(database, "trigger", "u")] == [("held", "not_ready", "09-28")]
    assert outcomes(database) == []
    with database.read() as connection:
        assert lookouts.due(connection, at("2026-09-28 16:01"), 9) == ["t"]
