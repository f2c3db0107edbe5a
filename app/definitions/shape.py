"""The shape of a document: which fields, of which type. Reads it with pydantic, answers in sentences about JSON."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from app.definitions.faults import Faults, Path, shown
from app.definitions.kinds import unwrap
from app.definitions.names import is_name

NAME_RULE = "must be lower case letters, digits and _, beginning with a letter, at most 63 characters"
TAGS_LIMIT = 32
LONGEST_SECONDS = 7 * 86_400


def _name(text: str) -> str:
    if not is_name(text):
        raise PydanticCustomError("name", "{rule}, not {text}", {"rule": NAME_RULE, "text": shown(text)})
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    # A folder of the database (Asia), a path, a name that no file could have.
    except (KeyError, ValueError, OSError):
        message = "is no time zone, as Asia/Shanghai is one: {text}"
        raise PydanticCustomError("value_error", message, {"text": shown(text)}) from None
    return text


def _day(text: str) -> str:
    try:
        if len(text) == len("2026-11-20"):
            date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise PydanticCustomError("value_error", "must be a date such as 2026-11-20, not {text}", {"text": shown(text)})


Name = Annotated[str, AfterValidator(_name)]
Zone = Annotated[str, AfterValidator(_zone)]
DayText = Annotated[str, AfterValidator(_day)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Seconds = Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]
Tags = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=63)], Annotated[str, StringConstraints(max_length=256)]],
    Field(max_length=TAGS_LIMIT),
]
Pools = dict[Name, Annotated[int, Field(ge=1, le=10_000)]]
Params = dict[str, Any]


class Shape(BaseModel):
    """A document's or a part's shape. Strict: "600" is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())

    def plain(self) -> dict[str, Any]:
        """The canonical form: defaults left out, so that a field added later changes no stored document's hash."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


M = TypeVar("M", bound=BaseModel)


def read(model: type[M], raw: object, faults: Faults, path: Path = ()) -> tuple[M | None, frozenset[str]]:
    """The document, or None; and the fields at which something is wrong, the others may be looked at."""
    if not isinstance(raw, dict):
        faults.add(path, f"must be an object, not {shown(raw)}")
        return None, frozenset(model.model_fields)
    try:
        return model.model_validate(raw), frozenset()
    except ValidationError as error:
        problems = error.errors(include_url=False)
    for problem in problems:
        loc = problem["loc"][:-1] if problem["loc"][-1:] == ("[key]",) else problem["loc"]
        faults.add((*path, *loc), _sentence(model, problem, faults))
    return None, frozenset(str(problem["loc"][0]) for problem in problems if problem["loc"])


# Pydantic speaks of Python and of its own validation; a document's author sees JSON.
_WORDS = (
    ("Input should be", "must be"),
    ("a valid dictionary", "an object"),
    ("a valid integer", "an integer"),
    ("a valid ", "a "),
    ("greater than or equal to", "at least"),
    ("less than or equal to", "at most"),
    ("String should have", "must have"),
)


def _sentence(model: type[BaseModel], problem: ErrorDetails, faults: Faults) -> str:
    if problem["type"] == "extra_forbidden":
        return "is an unknown field" + faults.near(str(problem["loc"][-1]), fields_at(model, problem["loc"][:-1]))
    return worded(problem)


def worded(problem: ErrorDetails) -> str:
    """What pydantic found wrong, in words about JSON."""
    kind, message, context = problem["type"], problem["msg"], problem.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "model_type":
        message = "must be an object"
    if kind in ("too_long", "too_short"):
        bound = f"at most {context['max_length']}" if kind == "too_long" else f"at least {context['min_length']}"
        return f"must have {bound} entries, not {len(problem['input'])}"
    # Sentences of our own, whole already.
    if kind in ("name", "value_error"):
        return message
    for theirs, ours in _WORDS:
        message = message.replace(theirs, ours)
    return f"{message}, not {shown(problem['input'])}"


def fields_at(model: type[BaseModel], loc: Iterable[str | int]) -> list[str]:
    """The fields, as documents spell them, of the model that stands at that place within this one."""
    for part in loc:
        field = next((field for name, field in model.model_fields.items() if part in (name, field.alias)), None)
        inner = unwrap(field.annotation)[0] if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]
