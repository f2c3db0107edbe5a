"""Jobs of known behaviour, made of the sample ops."""

from tests.service import RunningService

MODULES = "tests.acceptance.sample_ops"


def _node(name: str, op: str, **inputs: str) -> dict[str, object]:
    return {"id": name, "op": op, "inputs": inputs}


PIPELINES = {
    "good": [_node("first", "answer"), _node("second", "double", number="first"), _node("third", "double", number="second")],
    "bad": [_node("first", "answer"), _node("broken", "break_down", number="first"), _node("after", "double", number="broken")],
    "slow": [_node("first", "linger")],
}


def register(service: RunningService) -> None:
    """Register a pipeline and a job `<name>_job` for each of PIPELINES."""
    for name, nodes in PIPELINES.items():
        for path, body in (("pipelines", {"name": name, "nodes": nodes}), ("jobs", {"name": f"{name}_job", "pipeline": name})):
            answer = service.http.post(f"/api/v1/{path}", json=body)
            assert answer.status_code in (200, 201), answer.text
