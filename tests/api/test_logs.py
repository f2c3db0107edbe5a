"""Logs, read from their files: as JSON, as text, as they grow."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import httpx2
import pytest
import structlog

from app.store import logs
from tests.api.conftest import AT, House
from tests.api.events import events

SSE = {"Accept": "text/event-stream"}
Serve = Callable[[House], httpx2.Client]


def _line(message: str, node: str | None = "a", **fields: Any) -> bytes:
    line = {
        "at": "2026-11-20T01:02:03.000000Z",
        "level": "info",
        "node": node,
        "attempt": 1,
        "message": message,
        "fields": fields,
    }
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _lines(answer: httpx2.Response) -> Iterator[tuple[str, str, Any]]:
    return (event for event in events(answer) if event[0] != "comment")


@pytest.fixture
def run(house: House) -> str:
    house.plant()
    house.worker()
    run_id: str = house.manager.run_job("j")["id"]
    return run_id


def test_lines_of_every_attempt_in_order(house: House, run: str) -> None:
    house.log(run, 1, _line("one", rows=3), _line("two"))
    house.log(run, 2, _line("three", node=None))
    client = house.client("viewer")
    items = client.get(f"/runs/{run}/logs").json()["items"]
    assert [(line["attempt"], line["message"]) for line in items] == [(1, "one"), (1, "two"), (2, "three")]
    assert (items[0]["fields"], items[0]["node"], items[0]["step_attempt"]) == ({"rows": 3}, "a", 1)
    assert [line["message"] for line in client.get(f"/runs/{run}/logs?attempt=2").json()["items"]] == ["three"]


def test_page_by_page(house: House, run: str) -> None:
    house.log(run, 1, *(_line(f"line {number}") for number in range(5)))
    house.log(run, 2, _line("last"))
    seen, query = [], {"limit": 2}
    while True:
        page = house.client().get(f"/runs/{run}/logs", params=query).json()
        seen.append([line["message"] for line in page["items"]])
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [["line 0", "line 1"], ["line 2", "line 3"], ["line 4", "last"]]


def test_as_text(house: House, run: str) -> None:
    house.log(run, 1, _line("平安银行 ok", rows=3), _line("no node", node=None))
    answer = house.client().get(f"/runs/{run}/logs", headers={"Accept": "text/plain"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == f"{AT} info    a 平安银行 ok rows=3\n{AT} info    no node\n"


def test_a_run_without_a_log(house: House, run: str) -> None:
    client = house.client()
    assert client.get(f"/runs/{run}/logs").json() == {"items": [], "next_cursor": None}
    assert client.get(f"/runs/{run}/logs", headers={"Accept": "text/plain"}).text == ""
    assert client.get("/runs/nothing/logs").status_code == 404


def test_half_a_line_waits_and_a_damaged_one_is_shown(house: House, run: str) -> None:
    house.log(run, 1, b'{"at": "20', b"26\n", _line("whole"), _line("half")[:-5])
    items = house.client().get(f"/runs/{run}/logs").json()["items"]
    assert [(line["level"], line["message"]) for line in items] == [("damaged", '{"at": "2026'), ("info", "whole")]


def test_a_log_that_retention_took(house: House, run: str) -> None:
    house.log(run, 1, _line("gone"))
    next((house.manager.settings.data_dir / "logs").rglob("*.jsonl")).unlink()
    assert house.client().get(f"/runs/{run}/logs").json()["items"] == []


def test_only_logs_are_read(house: House, run: str) -> None:
    (house.manager.settings.data_dir / "admin.key").write_bytes(_line("secret"))
    for path in ("admin.key", "logs/../admin.key", "/etc/passwd"):
        facts = logs.LogFacts(path, 1, 1, False)
        house.database.write(lambda connection, facts=facts: logs.save(connection, run, 1, facts))
        with structlog.testing.capture_logs():
            answer = house.client().get(f"/runs/{run}/logs")
        assert answer.status_code == 500
        assert "secret" not in answer.text


def test_following_until_the_run_has_ended(house: House, run: str, serve: Serve) -> None:
    client = serve(house)
    fence = house.claim()
    house.log(run, 1, _line("one"))
    with client.stream("GET", f"/runs/{run}/logs", headers=SSE) as answer:
        lines = _lines(answer)
        assert next(lines)[2]["message"] == "one"
        house.log(run, 1, _line("two"))
        assert next(lines)[2]["message"] == "two"
        house.log(run, 1, _line("three"))
        house.end(fence, "a", "b")
        assert [(kind, data.get("message")) for kind, _, data in lines] == [("line", "three"), ("end", None)]


def test_following_again_from_where_it_broke_off(house: House, run: str, serve: Serve) -> None:
    client = serve(house)
    house.log(run, 1, _line("一"), _line("two"))
    house.log(run, 2, _line("three"))
    with client.stream("GET", f"/runs/{run}/logs", headers=SSE) as answer:
        places = [place for _, place, _ in islice(_lines(answer), 3)]
    assert places == [f"1:{len(_line('一'))}", f"1:{len(_line('一') + _line('two'))}", f"2:{len(_line('three'))}"]
    for known, expected in ((0, ["two", "three"]), (1, ["three"])):
        with client.stream("GET", f"/runs/{run}/logs", headers={**SSE, "Last-Event-ID": places[known]}) as answer:
            assert [data["message"] for _, _, data in islice(_lines(answer), len(expected))] == expected
    refused = client.get(f"/runs/{run}/logs", headers={**SSE, "Last-Event-ID": "12"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/header/Last-Event-ID")


def test_lines_longer_than_one_look(house: House, run: str) -> None:
    long = "x" * 60_000
    house.log(run, 1, *(_line(long) for _ in range(20)))
    assert len(house.client().get(f"/runs/{run}/logs").json()["items"]) == 20
    assert house.client().get(f"/runs/{run}/logs", headers={"Accept": "text/plain"}).text.count(long) == 20
