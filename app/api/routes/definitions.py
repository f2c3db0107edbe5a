"""What pipelines, jobs, schedules and triggers have in common: named documents with versions."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api.access import VIEWER, Operator
from app.api.answers import BASE, answer
from app.api.asking import Document, Manager, same_name
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.definitions import READ_ONLY
from app.api.schemas.problem import Responses, problems
from app.manager import Definition, Kind, PipelineManager, definition_view

Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Default: the latest.")]


@dataclass(frozen=True)
class Noun:
    """One kind of definition: the models that show one and a page of them, and its request body for the OpenAPI document."""

    kind: Kind
    shown: Any
    page: Any
    body: dict[str, Any]
    view: Callable[[PipelineManager, Definition], dict[str, Any]] = lambda _, found: definition_view(found)

    @property
    def plural(self) -> str:
        """As paths name it."""
        return f"{self.kind}s"

    def named(self, pattern: str, sentence: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Names an endpoint and says what it does: both are in the OpenAPI document, where each kind has its own."""

        def name(endpoint: Callable[..., Any]) -> Callable[..., Any]:
            endpoint.__name__, endpoint.__doc__ = pattern.format(self.kind), sentence.format(self.kind)
            return endpoint

        return name


def router(noun: Noun) -> APIRouter:
    """The routes that every kind has."""
    made = APIRouter(prefix=f"/{noun.plural}", tags=[noun.plural], route_class=Route)
    _writing(made, noun)
    _reading(made, noun)
    return made


def _writing(made: APIRouter, noun: Noun) -> None:
    known: Responses = {200: {"model": noun.shown, "description": "The same document is known already."}, **problems(409)}
    new: Responses = {201: {"model": noun.shown, "description": "It is new."}}

    @made.post("", status_code=201, response_model=noun.shown, responses=known, openapi_extra=noun.body)
    @noun.named("create_{}", "Register a {}")
    def create(manager: Manager, who: Operator, sent: Document) -> Any:
        saved = manager.register(noun.kind, _document(sent), by=who.id, create_only=True)
        return _saved(noun, noun.view(manager, saved.definition), created=saved.created)

    @made.put("/{name}", response_model=noun.shown, responses=new, openapi_extra=noun.body)
    @noun.named("put_{}", "Register a {}, or a new version of it")
    def put(manager: Manager, who: Operator, name: str, sent: Document) -> Any:
        saved = manager.register(noun.kind, _document(same_name(sent, name)), by=who.id)
        return _saved(noun, noun.view(manager, saved.definition), created=saved.created)

    @made.delete("/{name}", status_code=204, responses=problems(409))
    @noun.named("delete_{}", "Delete a {}; its history stays")
    def delete(manager: Manager, who: Operator, name: str) -> Response:
        manager.delete(noun.kind, name, by=who.id)
        return Response(status_code=204)


def _document(sent: dict[str, Any]) -> dict[str, Any]:
    """The document without what an answer added to it."""
    return {key: value for key, value in sent.items() if key not in READ_ONLY}


def _saved(noun: Noun, view: dict[str, Any], *, created: bool) -> Response:
    where = f"{BASE}/{noun.plural}/{view['name']}"
    return answer(noun.shown, view, 201 if created else 200, {"Location": where})


def _reading(made: APIRouter, noun: Noun) -> None:
    @made.get("/{name}", response_model=noun.shown, dependencies=[VIEWER])
    @noun.named("get_{}", "A {}, its latest version unless told")
    def read(manager: Manager, name: str, version: Version = None) -> Any:
        return noun.view(manager, manager.definition(noun.kind, name, version))

    @made.get("/{name}/versions", response_model=noun.page, dependencies=[VIEWER])
    @noun.named("list_{}_versions", "Every version of a {}, newest first")
    def versions(manager: Manager, name: str, page: Annotated[Page, Query()]) -> Any:
        before = page.after_number()
        found = [item for item in manager.versions(noun.kind, name) if before is None or item.version < before]
        return page.shown(found, partial(noun.view, manager), lambda item: item.version)


def add_list(made: APIRouter, noun: Noun) -> None:
    """The list, of a kind that is not looked for by tag."""

    @made.get("", response_model=noun.page, dependencies=[VIEWER])
    @noun.named("list_{}s", "The {}s by name")
    def listed(manager: Manager, page: Annotated[Page, Query()]) -> Any:
        found = manager.definitions(noun.kind, after=page.after_text() or "", limit=page.limit + 1)
        return page.shown(found, partial(noun.view, manager), lambda item: item.name)


def add_pausing(made: APIRouter, noun: Noun) -> None:
    """Pause and resume."""

    @made.post("/{name}/pause", response_model=noun.shown)
    @noun.named("pause_{}", "Pause a {}")
    def pause(manager: Manager, who: Operator, name: str) -> Any:
        return noun.view(manager, manager.pause(noun.kind, name, paused=True, by=who.id))

    @made.post("/{name}/resume", response_model=noun.shown)
    @noun.named("resume_{}", "Resume a {}")
    def resume(manager: Manager, who: Operator, name: str) -> Any:
        return noun.view(manager, manager.pause(noun.kind, name, paused=False, by=who.id))
