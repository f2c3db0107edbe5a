"""Who may do what: every route by every role, and keys from their making to their end."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from app import clock, errors
from app.api import access
from app.api.access import Open
from app.api.application import build
from app.api.route import Route, access_of
from tests.api.answering import Answering
from tests.api.conftest import ROLES, House

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
RANK = {"": 0, "viewer": 1, "operator": 2, "admin": 3}


def _routes() -> Iterator[tuple[str, str, str]]:
    """Method, path and the least role of everything that the app serves."""
    for route in iter_route_contexts(build(_Nothing()).routes):
        needed = access_of(route.dependant)
        for method in route.methods or ():
            yield method, str(route.path), "" if isinstance(needed, Open) else needed.role


class _Nothing:
    """Enough of a manager to build the app: its routes are all that is looked at."""

    settings: Any = type("Settings", (), {"waiters_limit": 0})
    readiness = None


ROUTES = sorted(_routes(), key=lambda route: (route[1], route[0]))


def _table() -> str:
    paths: dict[str, dict[str, list[str]]] = {}
    for method, path, role in ROUTES:
        paths.setdefault(path.removeprefix("/api/v1"), {}).setdefault(role, []).append(method)
    rows = [
        f"| `{path}` | " + " | ".join(", ".join(sorted(methods.get(role, ()))) for role in RANK) + " |"
        for path, methods in paths.items()
    ]
    return "\n".join(["| path | no key | viewer | operator | admin |", "|---|---|---|---|---|", *rows])


def test_operations_lists_who_may_do_what() -> None:
    assert _table() in OPERATIONS.read_text(), f"docs/operations.md should hold:\n{_table()}"


def _codes() -> str:
    classes = [errors.OpenbellError, *_below(errors.OpenbellError)]
    shown = {kind.code: kind for kind in classes if kind not in (errors.LeaseLost, errors.ConfigurationError)}
    rows = [f"| `{code}` | {kind.status} | {(kind.__doc__ or '').strip()} |" for code, kind in shown.items()]
    return "\n".join(["| code | status | means |", "|---|---|---|", *rows])


def _below(kind: type[errors.OpenbellError]) -> Iterator[type[errors.OpenbellError]]:
    for inner in kind.__subclasses__():
        if inner.__module__ in ("app.errors", "app.api.streams"):
            yield inner
            yield from _below(inner)


def test_operations_lists_every_code() -> None:
    assert _codes() in OPERATIONS.read_text(), f"docs/operations.md should hold:\n{_codes()}"


def test_only_health_is_open() -> None:
    assert {path for _, path, role in ROUTES if not role} == {"/healthz", "/readyz"}


@pytest.mark.parametrize("role", ["", *ROLES])
def test_every_route_by_every_role(house: House, role: str, tmp_path: Path) -> None:
    house.manager.queries = Answering(house.database, tmp_path)
    house.app.state.watch.stop()  # a stream would not end by itself
    client = house.client(role or None)
    unexpected = []
    for method, path, needed in ROUTES:
        status = client.request(method, "http://test" + re.sub(r"\{\w+\}", "nothing", path)).status_code
        expected = 401 if needed and not role else 403 if RANK[role] < RANK[needed] else None
        # No child lives here that could say which factors there are.
        pending = path in ("/readyz", "/api/v1/factors")
        if status != expected and (expected or status in (401, 403) or (status >= 500 and not pending)):
            unexpected.append((method, path, status, expected))
    assert unexpected == []


def test_a_route_without_a_role_cannot_be_made() -> None:
    router = APIRouter(route_class=Route)
    with pytest.raises(TypeError, match="must require one role"):

        @router.get("/secret")
        def secret() -> None: ...


def test_nobody_is_told_what_is_behind_the_door(house: House) -> None:
    """Without a key the body is not even read, and nothing tells a path from another."""
    client = house.client(None)
    assert client.post("/pipelines", content=b"not json").status_code == 401
    assert client.get("/pipelines/nothing?unknown=1").status_code == 401


def test_what_is_no_key(house: House) -> None:
    for header in ("", "Bearer", "Bearer ", "Basic eDp5", "Bearer wrong", "Bearer openbell_1_2", "Bearer \u00fc"):
        answer = house.client(None).get("/jobs", headers={"Authorization": header.encode("latin-1")})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


def test_the_scheme_has_no_case(house: House) -> None:
    assert house.client(None).get("/jobs", headers={"Authorization": f"bearer {house.keys['viewer']}"}).status_code == 200


def test_a_key_is_shown_once(house: House) -> None:
    admin = house.client("admin")
    made = admin.post("/api-keys", json={"name": "notebook", "role": "viewer"})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    secret = made.json()["key"]
    assert house.client(None).get("/jobs", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    for text in (admin.get("/api-keys").text, admin.get(f"/api-keys/{made.json()['id']}").text, admin.get("/audit").text):
        assert secret not in text
        assert "hash" not in text


def test_a_key_ends(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(access, "FRESH_SECONDS", 0)
    monkeypatch.setenv("OPENBELL_CLOCK_FILE", str(tmp_path / "offset"))
    admin = house.client("admin")
    past = admin.post("/api-keys", json={"name": "late", "expires_at": "2020-01-01T00:00:00Z"})
    assert past.json()["errors"] == [{"pointer": "/expires_at", "message": "lies in the past"}]
    tomorrow = clock.iso(clock.now() + timedelta(days=1))
    made = admin.post("/api-keys", json={"name": "short", "expires_at": tomorrow}).json()
    authorization = {"Authorization": f"Bearer {made['key']}"}
    assert house.client(None).get("/jobs", headers=authorization).status_code == 200
    (tmp_path / "offset").write_text("90000")
    assert house.client(None).get("/jobs", headers=authorization).status_code == 401
    assert admin.get("/jobs").status_code == 200


def test_revoking_works_at_once_here_and_soon_elsewhere(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = TestClient(build(house.manager), base_url="http://test/api/v1")
    viewer = {"Authorization": f"Bearer {house.keys['viewer']}"}
    assert elsewhere.get("/jobs", headers=viewer).status_code == 200
    assert house.client("viewer").get("/jobs").status_code == 200
    key_id = house.keys["viewer"].split("_")[1]
    revoked = house.client("admin").delete(f"/api-keys/{key_id}")
    assert (revoked.status_code, revoked.json()["revoked_at"] is not None) == (200, True)
    assert house.client("viewer").get("/jobs").status_code == 401
    assert access.FRESH_SECONDS <= 1
    monkeypatch.setattr(access, "FRESH_SECONDS", 0)
    assert elsewhere.get("/jobs", headers=viewer).status_code == 401


def test_the_service_keeps_its_own_key(house: House) -> None:
    from app.store import keys

    house.database.write(lambda connection: keys.set_admin(connection, "the admin key"))
    refused = house.client("admin").delete("/api-keys/admin")
    assert refused.status_code == 409
    assert "OPENBELL_ADMIN_KEY" in refused.json()["hint"]


def test_use_of_a_key_is_noted_but_not_at_every_request(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def last_used() -> str | None:
        used: dict[str, str | None] = {key["role"]: key["last_used_at"] for key in house.manager.list_keys()}
        return used["viewer"]

    monkeypatch.setattr(access, "FRESH_SECONDS", 0)
    assert last_used() is None
    viewer = house.client("viewer")
    viewer.get("/jobs")
    first = last_used()
    assert first is not None
    viewer.get("/jobs")
    assert last_used() == first


def test_a_key_works_while_nothing_can_be_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: str) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(house.manager, "note_use", full)
    assert house.client("viewer").get("/jobs").status_code == 200
