"""A folder of definitions that is sent: planned, applied whole or not at all, and again without a trace."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.definitions.catalogue import Catalogue, ShippedDocument
from app.definitions.documents import path_of, place, text_of
from app.manager import planting
from app.store import catalogue
from tests.api.conftest import JOB, PIPELINE, House

POOL = {"name": "vendor", "size": 2, "description": "Sessions."}
NODES = [{"id": "a", "op": "load", "pools": {"vendor": 1}}]
FOLDER: dict[str, dict[str, Any]] = {
    "pools/vendor.json": POOL,
    "pipelines/p.json": PIPELINE,
    "pipelines/q.json": {"name": "q", "nodes": NODES},
    "jobs/j.json": JOB,
    "jobs/k.json": {"name": "k", "pipeline": "q", "max_concurrent_runs": 3},
    "schedules/s.json": {"name": "s", "job": "j", "cron": "0 9 * * 1-5", "paused": True},
    "triggers/t.json": {"name": "t", "job": "k", "when": {"jobs": ["j"]}},
}


def send(client: TestClient, files: Any, *, prune: bool = False, to: str = "apply") -> dict[str, str]:
    """What became of each document, by its path."""
    answer = client.post(f"/definitions/{to}", json={"documents": files, "prune": prune})
    assert answer.status_code == 200, answer.text
    return {item["path"]: item["action"] for item in answer.json()["items"]}


def faults(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {place(fault["pointer"]): fault["message"] for fault in answer.json()["errors"]}


def listed(client: TestClient) -> dict[str, Any]:
    return {item["path"]: item["document"] for item in client.get("/definitions?limit=500").json()["items"]}


def without(files: dict[str, Any], *paths: str) -> dict[str, Any]:
    return {path: document for path, document in files.items() if path not in paths}


def test_a_folder_makes_what_it_says_and_the_second_time_nothing(either: House) -> None:
    client = either.client()
    texts = {path: text_of(document) for path, document in FOLDER.items()}
    assert send(client, texts, to="plan") == dict.fromkeys(FOLDER, "create")
    assert listed(client) == {}, "a plan changes nothing"
    assert send(client, texts) == dict.fromkeys(FOLDER, "create")
    assert listed(client) == FOLDER
    seen = either.manager.audit_page(), either.manager.transitions_after(0)
    assert send(client, FOLDER) == dict.fromkeys(FOLDER, "unchanged")
    assert (either.manager.audit_page(), either.manager.transitions_after(0)) == seen
    job = client.get("/jobs/k").json()
    assert (job["version"], job["managed_by"], job["file"]) == (1, "file", "jobs/k.json")
    assert client.get("/pools/vendor").json()["file"] == "pools/vendor.json"
    assert client.get("/schedules/s").json()["paused"] is True
    assert len([row for row in seen[0] if row["action"] == "create"]) - len(either.keys) == len(FOLDER)


def test_a_job_gets_its_limit_and_a_changed_document_a_version(house: House) -> None:
    client = house.client()
    send(client, FOLDER)
    changed = {**FOLDER, "jobs/k.json": {**FOLDER["jobs/k.json"], "max_concurrent_runs": 1}, "pools/vendor.json": {"size": 5}}
    expected = {**dict.fromkeys(FOLDER, "unchanged"), "jobs/k.json": "change", "pools/vendor.json": "change"}
    assert send(client, changed) == expected
    assert client.get("/jobs/k").json()["version"] == 2
    pool = client.get("/pools/vendor").json()
    assert (pool["size"], pool["description"]) == (5, None)


def test_what_one_service_has_another_gets(new_house: Callable[..., House]) -> None:
    one, other = new_house(), new_house()
    send(one.client(), FOLDER)
    one.client().post("/jobs/j/pause")
    exported = listed(one.client())
    assert exported["jobs/j.json"] == {**JOB, "paused": True}
    send(other.client(), exported)
    assert listed(other.client()) == exported


def test_every_fault_of_every_file_at_once_and_nothing_is_changed(either: House) -> None:
    client = either.client()
    broken = {
        "pools/vendor.json": {"size": -1},
        "pipelines/p.json": {"nodes": [{"id": "a", "op": "laod"}, {"id": "a", "op": "load"}]},
        "pipelines/q.json": {"name": "q", "nodes": NODES},
        "jobs/j.json": {"pipeline": "p", "params": {"days": 1}, "timeout_seconds": "x"},
        "jobs/k.json": "{",
        "jobs/l.json": {"pipeline": "nowhere"},
        "schedules/s.json": {"job": "j", "cron": "61 * * * *"},
        "triggers/t.json": {"job": "k", "when": {"jobs": ["j", "m"]}},
        "jobs/deep/x.json": {},
    }
    for to in ("plan", "apply"):
        found = faults(client.post(f"/definitions/{to}", json={"documents": broken}))
        assert {key: message[:20] for key, message in found.items()} == {
            "jobs/deep/x.json": "stands too deep: doc",
            "jobs/k.json": "The file is not JSON",
            "pools/vendor.json: /size": "must be at least 0, ",
            "pipelines/p.json: /nodes/0/op": "there is no op 'laod",
            "pipelines/p.json: /nodes/1/id": found["pipelines/p.json: /nodes/1/id"][:20],
            "jobs/j.json: /timeout_seconds": "must be a number, no",
            "jobs/l.json: /pipeline": "there is no pipeline",
            "schedules/s.json: /cron": found["schedules/s.json: /cron"][:20],
            "triggers/t.json: /when/jobs/1": "there is no job 'm'",
        }, "nothing is said of what comes of another file's fault"
    assert listed(client) == {}


def test_what_is_broken_leaves_what_stood_as_it_was(house: House) -> None:
    client = house.client()
    send(client, FOLDER)
    before = listed(client), house.manager.audit_page()
    spoilt = {**FOLDER, "pools/vendor.json": {"size": 9}, "triggers/t.json": {"job": "k", "when": {"jobs": ["k"]}}}
    assert list(faults(client.post("/definitions/apply", json={"documents": spoilt}))) == ["triggers/t.json: /when/jobs/0"]
    assert (listed(client), house.manager.audit_page()) == before


def test_a_job_is_checked_again_when_its_pipeline_changes(house: House) -> None:
    client = house.client()
    send(client, {**FOLDER, "jobs/j.json": {**JOB, "params": {"days": 3}}})
    changed = {
        **FOLDER,
        "jobs/j.json": {**JOB, "params": {"days": 3}},
        "pipelines/p.json": {"nodes": [{"id": "a", "op": "load"}]},
    }
    assert list(faults(client.post("/definitions/apply", json={"documents": changed}))) == ["jobs/j.json: /params/days"]


def test_triggers_of_one_folder_may_not_close_a_loop_and_may_turn_one_round(house: House) -> None:
    client = house.client()
    base = without(FOLDER, "triggers/t.json")
    there, back = {"job": "k", "when": {"jobs": ["j"]}}, {"job": "j", "when": {"jobs": ["k"]}}
    found = faults(
        client.post("/definitions/apply", json={"documents": {**base, "triggers/a.json": there, "triggers/b.json": back}})
    )
    assert list(found) == ["triggers/a.json: /when/jobs", "triggers/b.json: /when/jobs"]
    send(client, {**base, "triggers/b.json": there})
    turned = {**base, "triggers/a.json": back, "triggers/b.json": {"job": "k", "when": {"event": "e"}}}
    assert send(client, turned) == {**dict.fromkeys(base, "unchanged"), "triggers/a.json": "create", "triggers/b.json": "change"}


def test_prune_deletes_what_came_from_a_folder_and_nothing_else(either: House) -> None:
    client = either.client()
    send(client, FOLDER)
    client.post("/jobs", json={"name": "by_hand", "pipeline": "p"})
    less = without(FOLDER, "schedules/s.json", "triggers/t.json", "jobs/k.json", "pipelines/q.json", "pools/vendor.json")
    left = {path: "leave" for path in FOLDER if path not in less}
    assert send(client, less) == {**dict.fromkeys(less, "unchanged"), **left, "jobs/by_hand.json": "leave"}
    gone = {**dict.fromkeys(less, "unchanged"), **dict.fromkeys(left, "delete"), "jobs/by_hand.json": "leave"}
    assert send(client, less, prune=True, to="plan") == gone
    assert len(listed(client)) == len(FOLDER) + 1
    assert send(client, less, prune=True) == gone
    assert set(listed(client)) == {*less, "jobs/by_hand.json"}
    assert client.get("/jobs/k").status_code == 404
    assert send(client, FOLDER)["jobs/k.json"] == "create", "and it can come back"


def test_prune_refuses_what_is_in_use_and_names_the_users(house: House) -> None:
    client = house.client()
    send(client, FOLDER)
    client.post("/jobs", json={"name": "by_hand", "pipeline": "q"})
    client.post("/pipelines", json={"name": "r", "nodes": NODES})
    run = house.manager.run_job("k")["id"]
    less = without(FOLDER, "triggers/t.json", "jobs/k.json", "pipelines/q.json", "pools/vendor.json")
    answer = client.post("/definitions/apply", json={"documents": less, "prune": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    detail = answer.json()["detail"]
    for sentence in (f"the job 'k' is used by run {run}", "the pipeline 'q' is used by job 'by_hand'", "pipeline 'r'"):
        assert sentence in detail
    assert set(listed(client)) == {*FOLDER, "jobs/by_hand.json", "pipelines/r.json"}, "nothing was deleted"


def test_a_folder_takes_over_what_was_made_over_the_api_and_gives_it_back(house: House) -> None:
    client = house.client()
    house.plant()
    own = {"pipelines/p.json": PIPELINE, "jobs/j.json": JOB}
    assert send(client, own) == dict.fromkeys(own, "adopt")
    assert client.get("/jobs/j").json()["version"] == 1
    assert send(client, own) == dict.fromkeys(own, "unchanged")
    assert client.put("/jobs/j", json={**JOB, "description": "by hand"}).json()["managed_by"] == "api"
    assert client.get("/jobs/j").json()["file"] is None
    assert send(client, own)["jobs/j.json"] == "change"


def test_a_pause_at_night_outlives_a_folder_until_its_file_says_something_else(house: House) -> None:
    client = house.client()
    send(client, FOLDER)

    def paused(noun: str) -> bool:
        return bool(client.get(f"/{noun}").json()["paused"])

    client.post("/jobs/j/pause")
    client.post("/schedules/s/resume")
    answer = client.post("/definitions/apply", json={"documents": FOLDER}).json()["items"]
    notes = {item["path"]: item["note"] for item in answer if item["note"]}
    assert {path: note.partition(";")[0] for path, note in notes.items()} == {
        "jobs/j.json": "paused by hand", "schedules/s.json": "resumed by hand",
    }  # fmt: skip
    assert (paused("jobs/j"), paused("schedules/s")) == (True, False)
    said = {**FOLDER, "jobs/j.json": {**JOB, "paused": True}, "schedules/s.json": {**FOLDER["schedules/s.json"], "paused": False}}
    send(client, said)
    assert (paused("jobs/j"), paused("schedules/s")) == (True, False)
    assert send(client, FOLDER) == {**dict.fromkeys(FOLDER, "unchanged"), "jobs/j.json": "change", "schedules/s.json": "change"}
    assert (paused("jobs/j"), paused("schedules/s")) == (False, True)
    assert client.get("/jobs/j").json()["version"] == 1


def shipped(house: House, **changes: Any) -> None:
    """Plant a pipeline and a job as a release brings them along."""
    documents = [
        ShippedDocument(kind="pipeline", managed_by="catalog", document=PIPELINE),
        ShippedDocument(kind="job", managed_by="catalog", document={**JOB, **changes}),
        ShippedDocument(kind="pool", managed_by="catalog", document=POOL),
    ]
    with house.database.read() as connection:
        found: Catalogue = catalogue.current(connection)
    planting.plant_documents(house.database, found, documents)


def test_what_a_release_brings_along_is_left_to_the_next_release(house: House) -> None:
    client = house.client()
    shipped(house)
    files = {item["path"]: item for item in client.get("/definitions").json()["items"]}
    assert {item["brought_along"] for item in files.values()} == {True}
    assert send(client, {"jobs/j.json": JOB}, prune=True) == {"jobs/j.json": "unchanged"}
    assert client.get("/jobs/j").json()["managed_by"] == "catalog"
    shipped(house, description="newer")
    assert client.get("/jobs/j").json()["description"] == "newer"


def test_what_a_file_stood_over_is_the_releases_again_without_the_file(either: House) -> None:
    client = either.client()
    shipped(either)
    own = {"jobs/j.json": {**JOB, "description": "ours"}, "pools/vendor.json": {**POOL, "size": 7}}
    assert set(send(client, own).values()) == {"change"}
    shipped(either, description="newer")
    assert client.get("/jobs/j").json()["description"] == "ours", "a release does not overwrite it"
    assert send(client, {"pools/vendor.json": own["pools/vendor.json"]}, prune=True)["jobs/j.json"] == "restore"
    job = client.get("/jobs/j").json()
    assert (job["managed_by"], job["file"], job["description"]) == ("catalog", None, "")
    shipped(either, description="newer")
    assert client.get("/jobs/j").json()["description"] == "newer"


def test_two_that_apply_at_once_make_one_version(either: House) -> None:
    outcomes: list[dict[str, str]] = []
    clients = [either.client() for _ in range(4)]
    threads = [threading.Thread(target=lambda client=client: outcomes.append(send(client, FOLDER))) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [outcome for outcome in outcomes if outcome == dict.fromkeys(FOLDER, "create")]
    same = [outcome for outcome in outcomes if outcome == dict.fromkeys(FOLDER, "unchanged")]
    assert (len(made), len(same)) == (1, 3)
    assert either.client().get("/jobs/j").json()["version"] == 1


@pytest.mark.parametrize("body", [{}, {"documents": {}}, {"documents": []}, {"documents": {"jobs/j.json": 1}}, {"files": {}}])
def test_a_body_that_is_no_folder(house: House, body: Any) -> None:
    assert house.client().post("/definitions/apply", json=body).status_code == 422


def test_a_folder_may_be_larger_than_a_document(house: House) -> None:
    many = {f"jobs/j{number}.json": {"pipeline": "p", "runbook": "x" * 9000} for number in range(200)}
    assert set(send(house.client(), {"pipelines/p.json": PIPELINE, **many}).values()) == {"create"}
    assert path_of("job", "j1") in send(house.client(), many, to="plan")
