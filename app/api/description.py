"""The OpenAPI document: what FastAPI finds, and beside it the documents that only the manager reads."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api.schemas.definitions import PipelineShape
from app.api.schemas.problem import Problem
from app.definitions.backfill import BackfillDocument
from app.definitions.custom_calendar import CalendarDocument
from app.definitions.deadline import DeadlineDocument
from app.definitions.job import JobDocument
from app.definitions.overrides import OverrideDocument, OverridesDocument
from app.definitions.pool import PoolDocument
from app.definitions.schedule import ScheduleDocument
from app.definitions.trigger import TriggerDocument

_ABOUT = """Job control for market-data pipelines. Instants are ISO 8601 in UTC, durations seconds, rates 0..1.

Every request needs `Authorization: Bearer <key>` but /healthz and the bare status code of /readyz. Whatever is refused is
answered with a problem document (RFC 9457) that says what, where, and what to do about it."""
_MODELS: tuple[type[BaseModel], ...] = (
    PipelineShape,
    JobDocument,
    ScheduleDocument,
    TriggerDocument,
    DeadlineDocument,
    PoolDocument,
    CalendarDocument,
    OverrideDocument,
    OverridesDocument,
    BackfillDocument,
    Problem,
)
_REFERENCE = "#/components/schemas/{model}"


def describe(app: FastAPI) -> None:
    """Give the app its OpenAPI document, made when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to change it


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    _, schemas = models_json_schema([(model, "validation") for model in _MODELS], ref_template=_REFERENCE)
    components = made["components"]
    components["schemas"] = {**schemas["$defs"], **components["schemas"]}
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{"key": []}]
    return made
