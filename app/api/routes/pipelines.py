"""Pipelines: blueprints, checked and kept; a job executes one."""

from typing import Any

from app.api.access import VIEWER, Operator
from app.api.asking import Document, Manager, body_of
from app.api.routes.definitions import Noun, Version, add_list, router
from app.api.schemas.definitions import Graph, Pipeline, PipelineShape, ValidPipeline
from app.api.schemas.problem import problems
from app.api.schemas.shown import Items
from app.definitions.graph import graph
from app.errors import NotExecutable

_EXAMPLE = {
    "name": "liquid_stocks",
    "description": "Keep what trades enough.",
    "params": {"report_days": {"type": "integer", "default": 250, "minimum": 1}},
    "nodes": [
        {"id": "load", "op": "load_market_data"},
        {"id": "validate", "op": "validate_data_quality", "inputs": {"data": "load"}},
        {"id": "indicators", "op": "calculate_indicators", "inputs": {"data": "validate"}, "timeout_seconds": 600},
    ],
}
_NOUN = Noun("pipeline", Pipeline, Items[Pipeline], body_of(PipelineShape, _EXAMPLE))
pipelines = router(_NOUN)
add_list(pipelines, _NOUN)


@pipelines.post("/validate", response_model=ValidPipeline, openapi_extra=_NOUN.body, dependencies=[VIEWER])
def validate_pipeline(manager: Manager, sent: Document) -> Any:
    """Check a pipeline without registering it."""
    return manager.validate_pipeline(sent)


@pipelines.get("/{name}/graph", response_model=Graph, dependencies=[VIEWER])
def get_pipeline_graph(manager: Manager, name: str, version: Version = None) -> Any:
    """A pipeline's nodes by level, and its edges."""
    return graph(manager.definition("pipeline", name, version).document)


@pipelines.post("/{name}/runs", status_code=405, responses=problems(405), response_model=None)
def run_pipeline(manager: Manager, who: Operator, name: str) -> None:
    """Always refused: a pipeline is a blueprint."""
    manager.definition("pipeline", name)
    raise NotExecutable(
        f"The pipeline {name!r} is a blueprint and cannot be run.",
        hint=f'Make a job of it: POST /api/v1/jobs {{"name": "...", "pipeline": "{name}"}}, then POST /api/v1/jobs/.../runs.',
    )
