"""What is no valid request is told so, with what and where; never with a 5xx."""

import json
from typing import Any

import httpx2
import pytest
import structlog
from starlette.testclient import TestClient

from app.api import bodies
from app.errors import Invalid, OpenbellError
from tests.api.conftest import PIPELINE, House

JSON = {"Content-Type": "application/json"}
PROBLEM = "application/problem+json"
DEEP = 100_000


@pytest.fixture
def planted(either: House) -> TestClient:
    either.plant()
    return either.client()


def _nested(depth: int) -> bytes:
    return b'{"params":' * depth + b"{}" + b"}" * depth


BODIES: list[tuple[str, bytes, int, str]] = [
    ("broken", b'{"name": "p", ', 400, "line 1 column 15"),
    ("text", b"hello", 400, "line 1 column 1"),
    ("two documents", b"{} {}", 400, "Extra data"),
    ("not UTF-8", b'{"name": "\xff"}', 400, "byte 10"),
    ("a byte order mark", b"\xef\xbb\xbf{}", 400, "BOM"),
    ("UTF-16", '{"name": "p"}'.encode("utf-16"), 400, "UTF-8"),
    ("an integer of 5,000 digits", b'{"params": {"x": ' + b"9" * 5000 + b"}}", 400, "digits"),
    ("a list", b"[]", 422, "must be an object"),
    ("a string", b'"p"', 422, "must be an object"),
    ("NaN", b'{"params": {"x": NaN}}', 422, '"/params/x"'),
    ("an infinity", b'{"params": {"x": [0, -Infinity]}}', 422, '"/params/x/1"'),
    ("a number that overflows", b'{"params": {"x": 1e999}}', 422, '"/params/x"'),
    ("an integer beyond 64 bits", b'{"params": {"x": 99999999999999999999}}', 422, '"/params/x"'),
    ("a NUL", b'{"params": {"x": "a\\u0000b"}}', 422, '"/params/x"'),
    ("a NUL in a key", b'{"params": {"a\\u0000b": 1}}', 422, "NUL"),
    ("a lone surrogate", b'{"params": {"x": "\\ud800"}}', 422, '"/params/x"'),
    ("a lone surrogate in a key", b'{"params": {"\\udfff": 1}}', 422, "surrogate"),
    ("a key twice", b'{"params": {"x": [{"y": 1, "y": 2}]}}', 422, '"/params/x/0/y"'),
    ("a bit too deep", _nested(32), 422, "deep"),
    ("far too deep", _nested(DEEP // 10), 422, "deep"),
    ("brackets without end", b"[" * DEEP, 422, "deep"),
    ("a key of 300 characters", b'{"params": {"' + b"k" * 300 + b'": 1}}', 422, "256"),
    ("an unknown field", b'{"parms": {}}', 422, "did you mean 'params'"),
]


@pytest.mark.parametrize("path", ["/pipelines", "/jobs/j/runs"])
def test_bodies(planted: TestClient, path: str) -> None:
    wrong = []
    for case, body, status, told in BODIES:
        answer = planted.post(path, content=body, headers=JSON)
        if (answer.status_code, answer.headers["content-type"]) != (status, PROBLEM) or told not in answer.text:
            wrong.append((case, answer.status_code, answer.text[:300]))
    assert wrong == []


def test_a_document_of_exactly_the_depth(planted: TestClient) -> None:
    """The body and `params` are two of the 32."""
    answer = planted.post("/jobs/j/runs", content=_nested(30), headers=JSON)
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/params/params"]


@pytest.mark.parametrize("size", [bodies.LIMIT + 1, 50 * bodies.LIMIT])
def test_a_body_over_the_limit_by_its_length(client: TestClient, size: int) -> None:
    answer = client.post("/pipelines", content=b" " * size, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_body_over_the_limit_in_chunks(house: House, serve: Any) -> None:
    client: httpx2.Client = serve(house)
    answer = client.post("/pipelines", content=iter([b" " * 64 * 1024] * 17), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    whole = json.dumps(PIPELINE).encode()
    assert client.post("/pipelines", content=iter([whole[:7], whole[7:]]), headers=JSON).status_code == 201


def test_a_body_just_under_the_limit(client: TestClient) -> None:
    document = {**PIPELINE, "description": "x" * (bodies.LIMIT - 1000)}
    answer = client.post("/pipelines", json=document)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/description"


def test_a_body_that_is_not_declared_as_json(client: TestClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", ""):
        answer = client.post("/pipelines", content=b"{}", headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
        assert "Content-Type: application/json" in answer.json()["hint"]


def test_a_body_where_none_is_taken(planted: TestClient) -> None:
    assert planted.post("/jobs/j/pause", json={}).status_code == 200
    assert planted.post("/jobs/j/pause", json={"why": "holiday"}).status_code == 422


def test_ten_thousand_nodes(client: TestClient) -> None:
    nodes = [{"id": f"n{number}", "op": "load"} for number in range(10_000)]
    answer = client.post("/pipelines", json={"name": "many", "nodes": nodes})
    assert answer.status_code == 422
    assert "at most 500" in answer.text


NAMES = [
    "%2e%2e",
    "%2E",
    "%2e%2e%2f",
    "a%2fb",
    "a%00b",
    "%ff%fe",
    "A-B",
    "a b",
    "'",
    "%3Cscript%3E",
    "x" * 5000,
    "%E4%B8%AD%E6%96%87",
    "🐂",
]


PLACES = (
    "/ops/{}", "/pipelines/{}", "/jobs/{}/status", "/runs/{}", "/runs/{}/logs", "/schedules/{}", "/pools/{}", "/calendars/{}",
    "/datasets/{}/versions", "/api-keys/{}",
)  # fmt: skip


def test_names_in_paths(planted: TestClient) -> None:
    answers = {(path, name[:20]): planted.get(path.format(name)) for path in PLACES for name in NAMES}
    assert {place: answer.text for place, answer in answers.items() if answer.status_code not in (404, 422)} == {}
    assert {answer.headers["content-type"] for answer in answers.values()} == {PROBLEM}


def test_a_misspelt_name_in_a_path(planted: TestClient) -> None:
    assert "did you mean 'load'" in planted.get("/ops/laod").json()["detail"]
    assert "did you mean 'p'" in planted.get("/pipelines/pp").json()["detail"]


QUERIES = [
    ("/jobs?limit=0", "/query/limit"),
    ("/jobs?limit=501", "/query/limit"),
    ("/jobs?limit=ten", "/query/limit"),
    ("/jobs?limit=1&limit=2", "/query/limit"),
    ("/jobs?cursor=!!!", "/query/cursor"),
    ("/jobs?cursor=AAA", "/query/cursor"),
    ("/jobs?cursor=_____w==", "/query/cursor"),
    ("/jobs?tag=team", "/query/tag"),
    ("/jobs?tag=%00:a", "/query/tag"),
    ("/jobs?lmit=3", "/query/lmit"),
    ("/jobs/j?version=0", "/query/version"),
    ("/jobs/j?version=99999999999999999999", "/query/version"),
    ("/jobs/j/versions?cursor=eA==", "/query/cursor"),
    ("/runs?status=done", "/query/status"),
    ("/runs?trade_date=20261120", "/query/trade_date"),
    ("/runs?trade_date=2026-02-30", "/query/trade_date"),
    ("/runs?since=2026-11-20", "/query/since"),
    ("/runs?since=2026-11-20T01:00:00", "/query/since"),
    ("/runs?since=0001-01-01T00:00:00%2B14:00", "/query/since"),
    ("/runs?until=1700000000", "/query/until"),
    ("/runs?job=a%00", "/query/job"),
    ("/audit?cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "/query/cursor"),
    ("/calendars/XSHG?from=2026-11-20&to=2026-11-19", "/query/to"),
    ("/calendars/XSHG?from=20", "/query/from"),
    ("/runs/x/logs?attempt=0", "/query/attempt"),
    ("/queue?verbose=1", "/query/verbose"),
    ("/stream?jbo=j", "/query/jbo"),
]


def test_queries(planted: TestClient) -> None:
    wrong = []
    for path, pointer in QUERIES:
        answer = planted.get(path)
        if answer.status_code != 422 or [fault["pointer"] for fault in answer.json()["errors"]] != [pointer]:
            wrong.append((path, answer.status_code, answer.text[:300]))
    assert wrong == []


def test_windows(planted: TestClient) -> None:
    for window in ("", "20", "0td", "-1h", "td", "1d", "99999h", "٣h"):
        answer = planted.get("/jobs/j/metrics", params={"window": window})
        assert answer.status_code == 422
        assert "20td" in answer.json()["hint"]


def test_what_the_router_refuses_is_a_problem_too(client: TestClient) -> None:
    nowhere = client.get("/nowhere")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    refused = client.delete("/jobs")
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert refused.headers["allow"] == "GET, POST"
    assert client.get("/jobs/").status_code == 404


def test_a_problem_has_one_shape(client: TestClient) -> None:
    for answer in (client.get("/nowhere"), client.get("/jobs/x"), client.post("/jobs", json={}), client.get("/jobs?limit=x")):
        problem = answer.json()
        assert {"type", "title", "status", "detail", "code", "errors"} <= set(problem)
        assert (problem["status"], problem["type"]) == (answer.status_code, f"/problems/{problem['code']}")


def test_what_nobody_expected_is_not_shown(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("the password is 1234")

    monkeypatch.setattr(house.manager, "queue", broken)
    with structlog.testing.capture_logs() as logged:
        answer = house.client().get("/queue")
    assert [(line["event"], line["path"]) for line in logged] == [("request failed", "/api/v1/queue")]
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "1234" not in answer.text


def test_what_the_loop_must_not_do_at_length() -> None:
    """The depth is found in one pass, whatever the text: a string without end, quotes, backslashes."""
    for text in (b'["' * 40 + b'\\"' * 500_000, b"[" * 40 + b'"\\' * 400_000, b'["\\\\", ' * 100_000):
        with pytest.raises(OpenbellError):
            bodies.parse(text)
    with pytest.raises(Invalid, match="not valid"):
        bodies.parse(b"[" * 40 + b"]" * 40)
    assert bodies.parse(b'["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]') == ["[" * 40]
    assert bodies.parse(b"[" + b"[],{}," * 50_000 + b"[]]")[-1] == []


def test_every_answer_bears_the_headers(client: TestClient) -> None:
    for path in ("/jobs", "/nowhere", "http://test/healthz"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
