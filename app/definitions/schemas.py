"""Values against a JSON schema, in sentences that name the place and the remedy."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from app.definitions.faults import FAULTS_LIMIT, Path, shown

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

Near = Callable[[str, Iterable[str]], str]
Schema = Mapping[str, Any]

_WORDS = {
    "minimum": "must be at least {0}",
    "maximum": "must be at most {0}",
    "exclusiveMinimum": "must be greater than {0}",
    "exclusiveMaximum": "must be less than {0}",
    "multipleOf": "must be a multiple of {0}",
    "minLength": "must have at least {0} characters",
    "maxLength": "must have at most {0} characters",
    "pattern": "must match {0}",
    "minItems": "must have at least {0} items",
    "maxItems": "must have at most {0} items",
    "minProperties": "must have at least {0} entries",
    "maxProperties": "must have at most {0} entries",
    "format": "must be a {0} in ISO 8601",
    "const": "must be {0!r}",
}
_ARTICLE = {"integer": "an integer", "array": "an array", "object": "an object", "null": "null"}
_FORMATS: dict[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
    "time": time.fromisoformat,
}


def problems(schema: Schema, value: Any, near: Near) -> list[tuple[Path, str]]:
    """Every place in the value that the schema does not allow, and what must stand there."""
    found: dict[tuple[Path, str], None] = {}
    try:
        for error in islice(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value), FAULTS_LIMIT):
            found.update(dict.fromkeys(_explained(error, near)))
    except re.error:
        # Ops spell patterns in the syntax of pydantic's engine; the child, which has it, will check this one.
        pass
    return list(found)


def types_of(schema: Schema, root: Schema) -> frozenset[str] | None:
    """The JSON types that a schema allows, as far as it says; None when it does not say."""
    if isinstance(reference := schema.get("$ref"), str):
        target = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"))
        return types_of(target, root) if isinstance(target, dict) else None
    if isinstance(kind := schema.get("type"), str | list):
        return frozenset([kind] if isinstance(kind, str) else kind)
    if isinstance(members := schema.get("enum"), list):
        return frozenset(_type_of(member) for member in members)
    branches = [types_of(branch, root) for branch in schema.get("anyOf", schema.get("oneOf", ()))]
    known = [branch for branch in branches if branch is not None]
    return frozenset().union(*known) if known and len(known) == len(branches) else None


def allows(wanted: frozenset[str], given: frozenset[str]) -> bool:
    """Whether every given type is a wanted one."""
    return given <= (wanted | {"integer"} if "number" in wanted else wanted)


def named(types: Iterable[str]) -> str:
    """The types in a sentence: `an integer or null`."""
    return " or ".join(_ARTICLE.get(kind, f"a {kind}") for kind in sorted(types, key=lambda kind: (kind == "null", kind)))


def _type_of(value: Any) -> str:
    for kind, classes in (
        ("boolean", bool),
        ("integer", int),
        ("number", float),
        ("string", str),
        ("array", list),
        ("object", dict),
    ):
        if isinstance(value, classes):
            return kind
    return "null"


# By the schema itself, not by the op's code version: an enum that a param names may change while the op's source does not.
@lru_cache(maxsize=1024)
def _validator(schema: str) -> "Draft202012Validator":
    from jsonschema import FormatChecker
    from referencing import Registry

    checker = FormatChecker(formats=())
    for name, parse in _FORMATS.items():
        checker.checks(name, raises=ValueError)(_exactly(name, parse))
    # An empty registry: a "$ref" to elsewhere is never fetched.
    return _dialect()(json.loads(schema), format_checker=checker, registry=Registry())


@lru_cache(maxsize=1)
def _dialect() -> "type[Draft202012Validator]":
    # jsonschema costs 6 MB and 60 ms: paid by the first document that has params, not by every start.
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    every = Draft202012Validator.VALIDATORS["items"]

    def items(validator: Any, schema: Any, value: Any, whole: Any) -> Iterator["ValidationError"]:
        # A universe of symbols, 5,000 texts, one by one takes jsonschema 30 ms.
        if not (schema == {"type": "string"} and isinstance(value, list) and all(isinstance(item, str) for item in value)):
            yield from every(validator, schema, value, whole)

    # A set takes repeats and drops them; jsonschema looks for them in quadratic time.
    changed = {"items": items, "uniqueItems": lambda *_: ()}
    return cast("type[Draft202012Validator]", extend(Draft202012Validator, changed))  # type: ignore[no-untyped-call]  # untyped there


def _exactly(name: str, parse: Callable[[str], object]) -> Callable[[object], bool]:
    def conforms(value: object) -> bool:
        if not isinstance(value, str):
            return True
        parse(value)
        # fromisoformat takes 20261120 too, which pydantic would read as seconds since 1970.
        return name != "date" or len(value) == len("2026-11-20")

    return conforms


def _explained(error: "ValidationError", near: Near) -> Iterator[tuple[Path, str]]:
    path: Path = tuple(error.absolute_path)
    keyword = str(error.validator)
    # Typed as possibly unset by jsonschema; set in every error that it reports.
    wanted: Any = error.validator_value
    schema: Any = error.schema
    value: Any = error.instance
    if keyword == "required":
        for name in wanted:
            if name not in value:
                yield (*path, name), "is missing"
    elif keyword == "additionalProperties" and wanted is False:
        known = schema.get("properties", {})
        for name in value:
            if name not in known:
                yield (*path, name), "is unknown" + near(name, known)
    elif keyword in ("anyOf", "oneOf") and error.context:
        yield from _branches(error, near)
    elif keyword == "enum":
        hint = near(value, [member for member in wanted if isinstance(member, str)]) if isinstance(value, str) else ""
        yield path, f"must be one of {', '.join(map(shown, wanted))}, not {shown(value)}{hint}"
    elif keyword == "type":
        yield path, f"must be {named(_listed(wanted))}, not {shown(value)}"
    else:
        words = _WORDS.get(keyword, "does not suit {0!r} of the schema").format(wanted if keyword in _WORDS else keyword)
        yield path, f"{words}, not {shown(value)}"


def _branches(error: "ValidationError", near: Near) -> Iterator[tuple[Path, str]]:
    """An alternative is explained by the branches whose type the value has; by all types when it has none of them."""
    context = error.context or []
    mistyped = {branch.schema_path[0]: branch for branch in context if branch.validator == "type" and not branch.relative_path}
    fitting = [branch for branch in context if branch.schema_path[0] not in mistyped]
    if not fitting:
        types = frozenset(kind for branch in mistyped.values() for kind in _listed(cast(str, branch.validator_value)))
        yield tuple(error.absolute_path), f"must be {named(types)}, not {shown(error.instance)}"
    elif len({branch.schema_path[0] for branch in fitting}) == 1:
        for branch in fitting:
            yield from _explained(branch, near)
    else:
        yield tuple(error.absolute_path), f"suits none of the forms that are allowed here: {shown(error.instance)}"


def _listed(kind: str | list[str]) -> list[str]:
    return [kind] if isinstance(kind, str) else kind
