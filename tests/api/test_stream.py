"""Every transition as it happens, behind a real server."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import httpx2
import pytest

from app.api import streams
from tests.api.conftest import House
from tests.api.events import events

SSE = {"Accept": "text/event-stream"}
Serve = Callable[[House], httpx2.Client]
WaitUntil = Callable[..., Any]


@pytest.fixture
def planted(either: House) -> House:
    either.plant()
    either.worker()
    return either


def _told(found: Iterator[Any], count: int) -> list[tuple[str, str | None, str]]:
    return [(kind, data["node"], data["to_status"]) for kind, _, data in islice(found, count)]


def _changes(answer: httpx2.Response) -> Iterator[tuple[str, str, Any]]:
    return (event for event in events(answer) if event[0] != "comment")


def test_what_happens_is_told(planted: House, serve: Serve) -> None:
    client = serve(planted)
    with client.stream("GET", "/stream", headers=SSE) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer)
        assert next(told)[0] == "comment"  # at once: the client knows that it listens
        planted.manager.run_job("j")
        planted.end(planted.claim(), "a", "b")
        assert _told(told, 7) == [
            ("run", None, "queued"),
            ("run", None, "running"),
            ("step", "a", "running"),
            ("step", "a", "succeeded"),
            ("step", "b", "running"),
            ("step", "b", "succeeded"),
            ("run", None, "succeeded"),
        ]


def test_who_comes_back_gets_what_was_missed(planted: House, serve: Serve) -> None:
    client = serve(planted)
    before = planted.manager.newest_transition()
    first, second = planted.manager.run_job("j")["id"], planted.manager.run_job("j")["id"]
    with client.stream("GET", "/stream", headers={**SSE, "Last-Event-ID": str(before)}) as answer:
        (_, place, one), (_, _, two) = islice(_changes(answer), 2)
        assert [one["name"], two["name"]] == [first, second]
    with client.stream("GET", "/stream", headers={**SSE, "Last-Event-ID": place}) as answer:
        assert next(_changes(answer))[2]["name"] == second


def test_of_one_job_or_run(planted: House, serve: Serve) -> None:
    client = serve(planted)
    planted.manager.register("job", {"name": "k", "pipeline": "p"})
    before = {**SSE, "Last-Event-ID": str(planted.manager.newest_transition())}
    planted.manager.run_job("j")
    wanted = planted.manager.run_job("k")["id"]
    planted.manager.pause("job", "j")
    planted.manager.pause("job", "k")
    with client.stream("GET", "/stream?job=k", headers=before) as answer:
        assert [data["name"] for _, _, data in islice(_changes(answer), 2)] == [wanted, "k"]
    with client.stream("GET", f"/stream?run={wanted}", headers=before) as answer:
        assert next(_changes(answer))[2]["job"] == "k"


def test_a_quiet_stream_shows_signs_of_life(house: House, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(streams, "_PING_SECONDS", 0.01)
    with serve(house).stream("GET", "/stream", headers=SSE) as answer:
        assert ("comment", "", "ping") in islice(events(answer), 3)


def test_streams_end_when_the_service_stops_and_take_no_place_then(house: House, serve: Serve, wait_until: WaitUntil) -> None:
    client = serve(house)
    with client.stream("GET", "/stream", headers=SSE) as answer:
        assert house.app.state.watch.streams == 1
        house.app.state.watch.stop()
        assert [*answer.iter_lines()][-1] == ""
    wait_until(lambda: house.app.state.watch.streams == 0)


def test_a_listener_that_leaves_takes_no_place(house: House, serve: Serve, wait_until: WaitUntil) -> None:
    client = serve(house)
    with client.stream("GET", "/stream", headers=SSE):
        assert house.app.state.watch.streams == 1
    wait_until(lambda: house.app.state.watch.streams == 0)


def test_a_stream_ends_with_its_key(house: House, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_POLL_SECONDS", 0.02)
    client = serve(house)
    viewer = {**SSE, "Authorization": f"Bearer {house.keys['viewer']}"}
    with client.stream("GET", "/stream", headers=viewer) as answer:
        told = events(answer)
        assert next(told)[0] == "comment"
        client.delete(f"/api-keys/{house.keys['viewer'].split('_')[1]}")
        assert [*told] == []


def test_too_many_listeners(house: House, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PLACES", 1)
    client = serve(house)
    with client.stream("GET", "/stream", headers=SSE):
        refused = client.get("/stream", headers=SSE)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")


def test_an_event_id_that_is_none(house: House) -> None:
    for place in ("x", "-1", "1" * 30, "0" * 20 + "9" * 20, "9" * 19, "1.5"):
        answer = house.client().get("/stream", headers={"Last-Event-ID": place})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/header/Last-Event-ID"
