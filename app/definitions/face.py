"""The Python face: @job over a function whose body calls ops. It compiles to a pipeline's and a job's document."""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, overload

from app.definitions import registry
from app.definitions.catalogue import Catalogue, ShippedDocument
from app.definitions.compose import Composition, JobParam
from app.definitions.declare import declaration
from app.definitions.job import parse_job
from app.definitions.op import building
from app.definitions.pipeline import parse_pipeline
from app.definitions.retry import RetryPolicy

Priority = int | Literal["high", "medium", "low"]
Function = Callable[..., Any]


class JobDefinition:
    """What @job made: the two documents, as they would be sent over HTTP."""

    def __init__(self, name: str, pipeline_document: dict[str, Any], job_document: dict[str, Any]) -> None:
        self.name = name
        self.pipeline_document = pipeline_document
        self.job_document = job_document

    def __repr__(self) -> str:
        return f"<job {self.name}>"

    def __call__(self, *arguments: Any, **keywords: Any) -> typing.NoReturn:
        raise TypeError(
            f"job {self.name!r} is a definition and cannot be called; run it with PipelineManager.run_job or over HTTP"
        )


@overload
def job(function: Function) -> JobDefinition: ...
@overload
def job(
    *,
    name: str | None = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    priority: Priority | None = None,
    max_concurrent_runs: int | None = None,
    timeout_seconds: float | None = None,
    memory_limit_bytes: int | None = None,
    retry: RetryPolicy | None = None,
    calendar: str | None = None,
    owner: str | None = None,
    runbook: str | None = None,
) -> Callable[[Function], JobDefinition]: ...
def job(function: Function | None = None, **options: Any) -> Any:
    """Make a pipeline and a job of the function; its parameters become the pipeline's params.

    The body is called once and only draws: a call of an op adds a node, what it answers names an output. Raises TypeError
    for a body that looks at data, Invalid with every fault of the documents. The pipeline has the job's name without `_job`.
    """

    def define(target: Function) -> JobDefinition:
        made = _define(target, **options)
        ship("pipeline", made.pipeline_document, target)
        ship("job", made.job_document, target)
        return made

    return define(function) if function is not None else define


def ship(kind: Literal["pipeline", "job", "schedule", "trigger"], document: dict[str, Any], function: Function) -> None:
    """Bring the document along with the module that the function stands in."""
    shipped = ShippedDocument(kind=kind, managed_by="file", document=document)
    registry.add_document(shipped, module=function.__module__)


def _define(function: Function, name: str | None = None, description: str | None = None, **options: Any) -> JobDefinition:
    name = name or function.__name__
    text = description if description is not None else inspect.getdoc(function)
    pipeline, ops = _draw(function, name)
    said = {key: value for key, value in options.items() if value is not None}
    if (retry := said.get("retry")) is not None:
        said["retry"] = retry.model_dump(mode="json", exclude_defaults=True)
    if "tags" in said:
        said["tags"] = dict(said["tags"])
    head = {"description": text} if text else {}
    pipeline = {"name": name.removesuffix("_job"), **head, **pipeline}
    parsed = parse_pipeline(pipeline, Catalogue(ops=tuple(ops)))
    document = parse_job({"name": name, "pipeline": parsed.name, **head, **said}, parsed.document).document
    return JobDefinition(name, parsed.document, document)


def _draw(function: Function, name: str) -> tuple[dict[str, Any], list[Any]]:
    """The params and the nodes of the body, and the ops that it calls."""
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    params = {each.name: declaration(each, hints.get(each.name, each.empty), name) for each in parameters}
    composition = Composition()
    token = building.set(composition)
    try:
        function(**{each: JobParam(each) for each in params})
    finally:
        building.reset(token)
    if not composition.nodes:
        raise TypeError(f"the body of job {name!r} calls no op")
    return {**({"params": params} if params else {}), "nodes": composition.nodes}, list(composition.ops.values())
