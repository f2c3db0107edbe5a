"""The OpenAPI document: whole, true, and attacked by its own promises."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.api.answering import Answering
from tests.api.conftest import House

_HEAVY = ("pandas", "numpy", "pyarrow", "duckdb", "talib", "alembic", "typer", "exchange_calendars", "rqdatac")


@pytest.fixture
def document(house: House) -> dict[str, Any]:
    answer = house.client("viewer").get("http://test/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def _operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{method} {path}", operation) for path, item in document["paths"].items() for method, operation in item.items()]


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    operations = _operations(document)
    assert len({operation["operationId"] for _, operation in operations}) == len(operations) > 50
    for name, operation in operations:
        assert operation["summary"], name
        assert operation["tags"], name
        assert "422" in operation["responses"], name
        assert "/problem+json" in str(operation["responses"]["401"]), name


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [found for inner in value.values() for found in references(inner)]
        return [found for inner in value for found in references(inner)] if isinstance(value, list) else []

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_every_body_has_an_example_or_a_default(document: dict[str, Any]) -> None:
    for name, operation in _operations(document):
        if (body := operation.get("requestBody", {"required": False})).get("required"):
            content = body["content"]["application/json"]
            assert "example" in content or "ApiKeyIn" in str(content), name


def test_the_examples_are_valid(house: House, document: dict[str, Any]) -> None:
    """Each is sent as it stands, over a pipeline that bears the name of the example's but consists of the ops that are here."""

    def example(plural: str) -> dict[str, Any]:
        body = document["paths"][f"/api/v1/{plural}"]["post"]["requestBody"]["content"]["application/json"]
        found: dict[str, Any] = body["example"]
        return found

    client = house.client()
    pipeline = example("pipelines")
    assert client.post("/pipelines", json={**pipeline, "nodes": [{"id": "load", "op": "load"}]}).status_code == 201
    client.post("/jobs", json={"name": example("triggers")["when"]["jobs"][0], "pipeline": pipeline["name"]})
    for plural in ("jobs", "schedules", "triggers", "deadlines", "pools"):
        assert client.post(f"/{plural}", json=example(plural)).status_code == 201


@pytest.mark.slow
@pytest.mark.timeout(600)  # a hundred operations: minutes, where the machine has something else to do as well
@pytest.mark.parametrize("mode", [*GenerationMode])
def test_no_request_breaks_it_or_its_description(house: House, mode: GenerationMode, tmp_path: Path) -> None:
    """Requests as the document describes them, and as it forbids them: answered as it says, and never with a 5xx."""
    house.plant()
    house.worker()
    house.manager.run_job("j")
    house.manager.queries = Answering(house.database, tmp_path)
    house.app.state.watch.stop()  # a stream would not end by itself
    headers = {"Authorization": f"Bearer {house.keys['admin']}"}
    schema = schemathesis.openapi.from_asgi("/openapi.json", house.app, headers=headers)

    def check(case: Any) -> None:
        case.validate_response(case.call(headers=headers), checks=CHECKS)

    for operation in schema.get_all_operations():
        cases = operation.ok().as_strategy(generation_mode=mode)
        _few(given(case=cases)(check))()


CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance, status_code_conformance]
_few = settings(max_examples=5, phases=[Phase.generate], suppress_health_check=[*HealthCheck], deadline=None, database=None)


def test_the_face_is_light() -> None:
    code = f"import sys, app.api.application; print([name for name in {_HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
