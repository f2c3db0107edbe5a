"""The params of a pipeline: how they are declared, and what a job and a run may give them."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.definitions import schemas
from app.definitions.faults import Faults, Path, shown
from app.definitions.names import is_name
from app.definitions.plain import check_plain, check_size
from app.definitions.shape import NAME_RULE, Shape, Text, read

TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
SECRET = "$secret"
DECLARED_LIMIT = 200
_UNSCHEMATIC = ("secret", "default")


def _type(value: Any) -> Any:
    kinds = value if isinstance(value, list) else [value]
    if not kinds or any(kind not in TYPES for kind in kinds) or len(set(kinds)) < len(kinds):
        raise PydanticCustomError("value_error", "must be {types}, or a list of them", {"types": ", ".join(TYPES)})
    return value


class Declaration(Shape):
    """One param: a fragment of JSON schema, and whether it is a secret.

    `pattern` and `uniqueItems` are left out: with either, a small document can keep the service busy for hours.
    """

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=False)

    type: Annotated[Any, AfterValidator(_type)] = None
    title: Text = ""
    description: Text = ""
    default: Any = None
    secret: bool = False
    enum: list[Any] | None = Field(None, min_length=1, max_length=1000)
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    multiple_of: float | None = Field(None, gt=0)
    min_length: int | None = Field(None, ge=0)
    max_length: int | None = Field(None, ge=0)
    format: str | None = Field(None, pattern="^(date|date-time|time)$")
    items: Any = None
    min_items: int | None = Field(None, ge=0)
    max_items: int | None = Field(None, ge=0)


Fragment = Mapping[str, Any]


def check_declarations(raw: Mapping[str, Any], faults: Faults, path: Path) -> dict[str, Fragment | None]:
    """The declared params, None for one that is declared badly; and their faults."""
    declared: dict[str, Fragment | None] = {}
    if len(raw) > DECLARED_LIMIT:
        faults.add(path, f"declares {len(raw)} params; at most {DECLARED_LIMIT} are allowed")
        return dict.fromkeys(raw)
    check_size(raw, faults, path)
    for name, fragment in raw.items():
        if not is_name(name):
            faults.add((*path, name), f"is no name for a param: it {NAME_RULE}")
            continue
        declared[name] = fragment if _check_declaration(fragment, faults, (*path, name)) else None
    return declared


def _check_declaration(fragment: Any, faults: Faults, path: Path) -> bool:
    model, _ = read(Declaration, fragment, faults, path)
    if model is None:
        return False
    if model.items is not None and not _check_declaration(fragment["items"], faults, (*path, "items")):
        return False
    return "default" not in fragment or check_value(fragment, fragment["default"], faults, (*path, "default"))


def check_value(fragment: Fragment, value: Any, faults: Faults, path: Path, prefix: str = "") -> bool:
    """Note what the declaration does not allow; whether it allows the value. A secret is named, never written down."""
    if fragment.get("secret"):
        found: list[tuple[Path, str]] = []
        if not is_secret(value):
            found = [((), f'is a secret: give {{"{SECRET}": "NAME"}}, never its value')]
    else:
        found = schemas.problems(schema_of(fragment), value, faults.near)
    for place, message in found:
        faults.add((*path, *place), prefix + message)
    return not found


def is_secret(value: Any) -> bool:
    """Whether the value is `{"$secret": "NAME"}`."""
    return isinstance(value, dict) and set(value) == {SECRET} and isinstance(value[SECRET], str) and bool(value[SECRET])


def schema_of(fragment: Fragment) -> dict[str, Any]:
    """The declaration as plain JSON schema."""
    return {key: value for key, value in fragment.items() if key not in _UNSCHEMATIC}


def params_schema(declared: Mapping[str, Fragment]) -> dict[str, Any]:
    """The JSON schema of a whole set of params. A secret is marked writeOnly."""
    return {
        "type": "object",
        "properties": {
            name: {**{key: value for key, value in fragment.items() if key != "secret"}, "writeOnly": True}
            if fragment.get("secret")
            else dict(fragment)
            for name, fragment in declared.items()
        },
        "required": [name for name, fragment in declared.items() if "default" not in fragment],
        "additionalProperties": False,
    }


def check_params(
    declared: Mapping[str, Fragment],
    given: object,
    faults: Faults,
    *,
    path: Path = ("params",),
    prefix: str = "",
    open_params: Collection[str] = (),
) -> dict[str, Any]:
    """Note unknown params and, unless it is open, a value that does not suit; answers what was given."""
    if not isinstance(given, dict):
        faults.add(path, f"{prefix}must be an object, not {shown(given)}")
        return {}
    if not check_plain(given, faults, path):
        return {}
    faults.settle()
    check_size(given, faults, path)
    for name, value in given.items():
        if name not in declared:
            faults.add((*path, name), f"{prefix}is no param of this pipeline{faults.near(name, declared)}")
        elif name not in open_params:
            check_value(declared[name], value, faults, (*path, name), prefix)
    return given


def effective_params(pipeline_document: Mapping[str, Any], job_params: object, run_params: object) -> dict[str, Any]:
    """What a run gets: the pipeline's defaults, under the job's params, under the run's own. Raises Invalid."""
    declared: Mapping[str, Fragment] = pipeline_document.get("params", {})
    faults = Faults()
    values = {name: fragment["default"] for name, fragment in declared.items() if "default" in fragment}
    # The job's were right when it was registered; the pipeline may have a newer version since.
    values.update(check_params(declared, job_params or {}, faults, prefix="(set by the job) "))
    values.update(check_params(declared, {} if run_params is None else run_params, faults))
    for name in declared:
        if name not in values:
            faults.add(("params", name), "is missing: the pipeline has no default for it")
    faults.finish("These params do not suit the pipeline.")
    return {name: values[name] for name in declared}
