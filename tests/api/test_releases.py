"""Releases and snapshots over HTTP: listed, explained, pinned, restored once, and refused with a reason."""

import hashlib
from typing import Any

import pytest

from app.store import lake
from app.store.fence import Fence
from tests.api.conftest import House
from tests.store.test_lake import publication, staged

DAY = "2026-11-20"


@pytest.fixture
def fence(house: House) -> Fence:
    """Two snapshots of one file each; the second releases a date again."""
    house.plant()
    house.worker()
    house.client().post("/jobs/j/runs", json={}).raise_for_status()
    claimed = house.claim()
    base = None
    for text in (b"one", b"two"):
        base = publish(house, claimed, text, base)
    return claimed


def publish(house: House, fence: Fence, content: bytes, base: str | None) -> str:
    """A file as the lake names it: after its content."""
    path = f"bars/2026-11-{hashlib.sha256(content).hexdigest()[:16]}.parquet"
    file = house.manager.settings.data_dir / "lake" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    named: Any = publication({**staged("x-2026-11", base), "path": path})
    named["releases"] = [{"trade_date": DAY, "coverage": 1.0 if base else 0.98}]
    assert house.database.write(lambda connection: lake.publish(connection, fence, "a", named))[0] == "published"
    return path


def test_a_date_and_what_became_of_it(house: House, fence: Fence) -> None:
    client = house.client("viewer")
    (listed,) = client.get("/releases").json()["items"]
    assert (listed["trade_date"], listed["status"], listed["readable_snapshot"]) == (DAY, "complete", 2)
    found = client.get(f"/releases/{DAY}").json()
    assert found == client.get("/releases/latest").json()
    history = [(row["snapshot"], row["status"], row["coverage"], row["datasets"]["bars"]["version"]) for row in found["history"]]
    assert history == [(2, "complete", 1.0, 2), (1, "partial", 0.98, 1)]
    assert found["run_id"] == fence.run_id
    assert client.get("/releases/2026-11-19").status_code == 404
    wrong = client.get("/releases/friday")
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/path/trade_date")


def test_an_empty_lake_has_no_release_and_no_snapshot(house: House) -> None:
    client = house.client("viewer")
    assert client.get("/releases").json() == client.get("/snapshots").json() == {"items": [], "next_cursor": None}
    assert "scoring_save_job" in client.get("/releases/latest").json()["hint"]
    assert client.get("/snapshots/1").status_code == 404


def test_what_a_snapshot_names_and_by_which_run(house: House, fence: Fence) -> None:
    client = house.client("viewer")
    newest, oldest = client.get("/snapshots").json()["items"]
    assert (newest["snapshot"], newest["kind"], newest["changed"], oldest["pin"]) == (2, "publish", ["bars"], None)
    (bars,) = client.get("/snapshots/1").json()["datasets"]
    assert (bars["dataset"], bars["version"], bars["rows"], bars["run_id"]) == ("bars", 1, 10, fence.run_id)
    page = client.get("/snapshots?limit=1").json()
    assert client.get("/snapshots", params={"cursor": page["next_cursor"]}).json()["items"] == [oldest]


def test_a_restore_happens_once_for_a_key_and_is_audited(house: House, fence: Fence) -> None:
    client = house.client("operator")
    body, key = {"reason": "the delivery was wrong"}, {"Idempotency-Key": "k"}
    made = client.post("/snapshots/1/restore", json=body, headers=key)
    assert (made.status_code, made.json()["snapshot"], made.json()["restores"]) == (201, 3, 1)
    again = client.post("/snapshots/1/restore", json=body, headers=key)
    assert (again.status_code, again.json(), again.headers["idempotent-replayed"]) == (201, made.json(), "true")
    refused = client.post("/snapshots/1/restore", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert house.client("admin").get("/audit").json()["items"][0]["detail"] == {"snapshot": 3, **body}
    assert client.get(f"/releases/{DAY}").json()["readable_snapshot"] == 3


@pytest.mark.parametrize(("damage", "said"), [(b"on!", "does not hold what was written"), (None, "is gone")])
def test_a_snapshot_without_all_its_files_is_not_restored(house: House, fence: Fence, damage: bytes | None, said: str) -> None:
    (file,) = [path for path in (house.manager.settings.data_dir / "lake" / "bars").iterdir() if path.read_bytes() == b"one"]
    file.write_bytes(damage) if damage is not None else file.unlink()
    refused = house.client("operator").post("/snapshots/1/restore", json={"reason": "r"})
    assert (refused.status_code, refused.json()["code"]) == (409, "file_damaged")
    assert said in refused.json()["detail"]
    with house.database.read() as connection:
        assert lake.newest(connection) == 2


def test_a_pin_needs_a_reason_and_an_operator(house: House, fence: Fence) -> None:
    client = house.client("operator")
    assert client.post("/snapshots/1/pin", json={}).json()["errors"][0]["pointer"] == "/reason"
    assert house.client("viewer").post("/snapshots/1/pin", json={"reason": "r"}).status_code == 403
    assert client.post("/snapshots/1/pin", json={"reason": "r"}).json()["pin"]["reason"] == "r"
    assert client.post("/snapshots/1/unpin").json()["pin"] is None
    assert client.post("/snapshots/9/pin", json={"reason": "r"}).status_code == 404
