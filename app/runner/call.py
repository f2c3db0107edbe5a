"""Calling an op: params validated, inputs brought into the form that the function's annotations ask for."""

import copy
import inspect
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError

from app.definitions.dataset import Dataset
from app.definitions.kinds import Kind, kind_of, unwrap
from app.definitions.messages import Output
from app.definitions.op import Op
from app.errors import Fault, Invalid
from app.runner.frames import Form, as_form
from app.runner.graph import Node, Source
from app.runner.run import Run

_FORMS: dict[str, Form] = {"DataFrame": "pandas", "Table": "arrow", "RecordBatch": "batch"}


class Inlet(NamedTuple):
    """An input as the function declares it."""

    kind: Kind
    form: Form | None
    dataset: str
    adapter: TypeAdapter[Any] | None
    positional: bool


def params_of(subject: str, model: type[BaseModel], raw: dict[str, Any]) -> dict[str, Any]:
    """The params as the function takes them. Raises Invalid naming each that does not fit."""
    try:
        checked = model.model_validate(raw)
    except ValidationError as error:
        faults = [Fault("/" + "/".join(str(part) for part in problem["loc"]), problem["msg"]) for problem in error.errors()]
        named = ", ".join(dict.fromkeys(fault.pointer.split("/")[1] for fault in faults))
        raise Invalid(f"{subject} does not accept its params: {named}", faults=faults) from None
    return {name: getattr(checked, name) for name in model.model_fields}


def call(op: Op, node: Node, run: Run, context: Any, params: dict[str, Any]) -> Any:
    """What the op's function returns on this node's inputs."""
    declared = inlets(op)
    given = {
        source.input: _deliver(declared[source.input], source, run)
        for source in node.sources
        if source.node.status == "succeeded" and source.output in source.node.outputs
    }
    positional: list[Any] = [context] if op.wants_context else []
    for name, inlet in declared.items():
        if not inlet.positional or name not in given:
            break
        positional.append(given.pop(name))
    return op.function(*positional, **given, **params)


@cache
def inlets(op: Op) -> dict[str, Inlet]:
    """The op's inputs by name, as its signature declares them."""
    hints = typing.get_type_hints(op.function, include_extras=True)
    parameters = inspect.signature(op.function).parameters
    return {port.name: _inlet(port.name, hints.get(port.name, Any), parameters[port.name]) for port in op.spec.inputs}


def _inlet(name: str, annotation: Any, parameter: inspect.Parameter) -> Inlet:
    bare, _ = unwrap(annotation)
    kind = kind_of(annotation)
    return Inlet(
        kind=kind,
        form=_FORMS[bare.__name__] if kind == "frame" else None,
        dataset=_dataset_name(annotation) or name,
        adapter=_adapter(annotation) if kind == "value" else None,
        positional=parameter.kind is parameter.POSITIONAL_ONLY,
    )


def _dataset_name(annotation: Any) -> str | None:
    """The name in `Annotated[Dataset, "name"]`, also where that is optional."""
    names = [extra for extra in getattr(annotation, "__metadata__", ()) if isinstance(extra, str)]
    inner = [name for part in typing.get_args(annotation) if (name := _dataset_name(part)) is not None]
    return next(iter([*names, *inner]), None)


def _adapter(annotation: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(annotation)
    except PydanticUserError:
        # A class that pydantic does not know: the op takes the plain JSON.
        return None


def _deliver(inlet: Inlet, source: Source, run: Run) -> Any:
    output = source.node.outputs[source.output]
    carry = _CARRIERS[output["kind"]]
    if inlet.kind != "any" and (inlet.kind == "value") != (output["kind"] == "value"):
        raise Invalid(f"input {source.input!r} takes a {inlet.kind}, but node {source.node.id!r} made a {output['kind']}")
    return carry(inlet, source, output, run)


def _carry_value(inlet: Inlet, source: Source, output: Output, run: Run) -> Any:
    # What is stored is what is handed on, also within one process: a resumed run must see the same as this one.
    value = copy.deepcopy(output["value"])
    if inlet.adapter is None:
        return value
    try:
        return inlet.adapter.validate_python(value)
    except ValidationError as error:
        problems = "; ".join(problem["msg"] for problem in error.errors()[:3])
        raise Invalid(f"input {source.input!r} does not accept the value of node {source.node.id!r}: {problems}") from None


def _carry_dataset(inlet: Inlet, source: Source, output: Output, run: Run) -> Any:
    reference = Dataset(output["dataset"], output.get("rows"), output.get("quality"))
    if inlet.form is None:
        return reference
    loaded = run.lake.get().load(reference, "pandas" if inlet.form == "pandas" else "arrow")
    return as_form(loaded, inlet.form)


def _carry_frame(inlet: Inlet, source: Source, output: Output, run: Run) -> Any:
    frame = run.frames.get(source.node.id, source.output, output)
    if inlet.kind == "dataset":
        return run.lake.get().stage(inlet.dataset, frame)
    return as_form(frame, inlet.form) if inlet.form else frame


_CARRIERS: dict[str, Callable[[Inlet, Source, Output, Run], Any]] = {
    "value": _carry_value,
    "dataset": _carry_dataset,
    "frame": _carry_frame,
}
