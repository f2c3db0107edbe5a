"""From a parameter of a job's function to the declaration of a pipeline's param."""

import inspect
from typing import Any

import pydantic_core
from pydantic import PydanticUserError, TypeAdapter

from app.definitions.params import Declaration

_FORMATS = ("date", "date-time", "time")


def declaration(parameter: inspect.Parameter, annotation: Any, job: str) -> dict[str, Any]:
    """The declaration that the annotation and the default say; without an annotation the default's type counts.

    Raises TypeError for a parameter that no JSON could fill.
    """
    has_default = parameter.default is not parameter.empty
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise TypeError(f"job {job!r} takes *{parameter.name}: its params must be named")
    if annotation is parameter.empty:
        annotation = type(parameter.default) if has_default and parameter.default is not None else Any
    try:
        fragment = _flat(TypeAdapter(annotation).json_schema())
    except (PydanticUserError, ValueError) as error:
        raise TypeError(f"param {parameter.name!r} of job {job!r} has a type that JSON cannot fill: {annotation!r}") from error
    if has_default:
        fragment["default"] = pydantic_core.to_jsonable_python(parameter.default)
    return fragment


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema in the words of a declaration; alternatives become a list of types."""
    known = {field.alias or name for name, field in Declaration.model_fields.items()} - {"title", "default"}
    branches = [_flat(branch) for branch in schema.get("anyOf", ())]
    flat = {key: value for branch in branches for key, value in branch.items()}
    flat.update({key: value for key, value in schema.items() if key in known})
    if branches:
        types = [kind for branch in branches for kind in _types(branch)]
        if len(types) < len(branches) or any(
            flat[key] != value for branch in branches for key, value in branch.items() if key != "type"
        ):
            raise ValueError("the alternatives cannot be told apart by their type")
        flat["type"] = list(dict.fromkeys(types))
    if "const" in schema:
        flat["enum"] = [schema["const"]]
    if "$ref" in schema:
        raise ValueError("a class of its own")
    if schema.get("writeOnly"):
        flat["secret"] = True
    if flat.get("format") not in _FORMATS:
        flat.pop("format", None)
    if isinstance(items := flat.get("items"), dict):
        flat["items"] = _flat(items)
    return flat


def _types(fragment: dict[str, Any]) -> list[str]:
    kind = fragment.get("type", [])
    return [kind] if isinstance(kind, str) else kind
