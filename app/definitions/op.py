"""@op and @query: a plain function becomes something that pipelines name, or that faces ask.

Positional parameters are inputs, keyword-only parameters are params, the return annotation is the output.
"""

import dataclasses
import hashlib
import inspect
import typing
import warnings
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cached_property
from typing import Any, Protocol, overload

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError, create_model

from app.definitions import registry
from app.definitions.catalogue import OpSpec, Port, QuerySpec
from app.definitions.kinds import kind_of, unwrap
from app.definitions.names import is_name
from app.definitions.retry import RetryPolicy

RESULT = "result"
"""The name of an op's only output."""


class Builder(Protocol):
    """What records the calls of ops in the body of a @job."""

    def add(self, op: "Op", arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any: ...


building: ContextVar[Builder | None] = ContextVar("building", default=None)


class Op:
    """A registered function. Called in the body of a @job it adds a node; called anywhere else it just runs."""

    def __init__(self, function: Callable[..., Any], spec: OpSpec, params_model: type[BaseModel]) -> None:
        self.function = function
        self.spec = spec
        self.params_model = params_model
        self.__doc__ = function.__doc__
        self.__name__ = spec.name
        self.__module__ = spec.module

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        builder = building.get()
        return builder.add(self, arguments, keywords) if builder else self.function(*arguments, **keywords)

    def __repr__(self) -> str:
        return f"<op {self.spec.name}>"

    def described(self) -> OpSpec:
        """The spec with the params' schema as it is now: one may list names that modules imported later have registered."""
        return self.spec.model_copy(update={"params_schema": self.params_model.model_json_schema()})

    @cached_property
    def wants_context(self) -> bool:
        """Whether the function's first parameter is `context`."""
        return next(iter(inspect.signature(self.function).parameters), None) == "context"


class Query:
    """A registered read-only function."""

    def __init__(self, function: Callable[..., Any], spec: QuerySpec, params_model: type[BaseModel]) -> None:
        self.function = function
        self.spec = spec
        self.params_model = params_model

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.function(*arguments, **keywords)


@overload
def op(function: Callable[..., Any]) -> Op: ...
@overload
def op(
    *,
    name: str | None = None,
    aliases: tuple[str, ...] = (),
    retry: RetryPolicy | None = None,
    retry_policy: RetryPolicy | None = None,
    timeout_seconds: float | None = None,
    tags: Mapping[str, str] | None = None,
    pools: Mapping[str, int] | None = None,
    publishes: bool | str = False,
    keep: bool = False,
) -> Callable[[Callable[..., Any]], Op]: ...
def op(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Register a function as an op. `publishes`: its step ends by naming what the run staged (a str: when that param is true).

    Raises TypeError for a signature that no pipeline could use. `retry_policy` is Dagster's word for `retry`.
    """

    def register(target: Callable[..., Any]) -> Op:
        made = _make(target, **options)
        registry.add_op(made)
        return made

    return register(function) if function is not None else register


@overload
def query(function: Callable[..., Any]) -> Query: ...
@overload
def query(*, name: str | None = None) -> Callable[[Callable[..., Any]], Query]: ...
def query(function: Callable[..., Any] | None = None, *, name: str | None = None) -> Any:
    """Register a read-only function: a first parameter `context`, then keyword-only params.

    It answers JSON, an Arrow table, or `Encoded` bytes.
    """

    def register(target: Callable[..., Any]) -> Query:
        signature = _Signature(target)
        model = signature.params_model()
        spec = QuerySpec(
            name=name or target.__name__,
            module=target.__module__,
            description=_description(target),
            params_schema=model.model_json_schema(),
        )
        made = Query(target, spec, model)
        registry.add_query(made)
        return made

    return register(function) if function is not None else register


def _make(function: Callable[..., Any], **options: Any) -> Op:
    name = options.pop("name", None) or function.__name__.removesuffix("_op")
    if not is_name(name):
        raise TypeError(f"{name!r} cannot be an op's name: lower case letters, digits and _, at most 63")
    aliases = tuple(dict.fromkeys((*(options.pop("aliases", None) or ()), f"{name}_op")))
    if bad := [alias for alias in aliases[:-1] if not is_name(alias)]:
        raise TypeError(f"{bad[0]!r} cannot be an alias of op {name!r}: lower case letters, digits and _, at most 63")
    retry = options.pop("retry", None) or options.pop("retry_policy", None)
    options.pop("retry_policy", None)
    signature = _Signature(function)
    model = signature.params_model()
    publishes = options.get("publishes", False)
    if isinstance(publishes, str) and publishes not in model.model_fields:
        raise TypeError(f"op {name!r} publishes by {publishes!r}, which is not one of its keyword-only params")
    spec = OpSpec(
        name=name,
        aliases=aliases,
        module=function.__module__,
        description=_description(function),
        code_version=_code_version(function),
        params_schema=model.model_json_schema(),
        inputs=signature.inputs(),
        outputs=signature.outputs(),
        retry=retry,
        **{key: dict(value) if isinstance(value, Mapping) else value for key, value in options.items() if value is not None},
    )
    return Op(function, spec, model)


class _Signature:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        try:
            self.hints = typing.get_type_hints(function, include_extras=True)
        except NameError as error:
            hint = "import what its annotations name, not only under TYPE_CHECKING"
            raise TypeError(f"the signature of op {function.__name__!r} cannot be read: {error}; {hint}") from None
        self.parameters = list(inspect.signature(function).parameters.values())
        if self.parameters and self.parameters[0].name == "context":
            del self.parameters[0]
        for parameter in self.parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(f"op {function.__name__!r} takes *{parameter.name}: its inputs and params must be named")

    def params_model(self) -> type[BaseModel]:
        fields: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.kind is not parameter.KEYWORD_ONLY:
                continue
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (self.hints.get(parameter.name, Any), Field(default))
        config = ConfigDict(extra="forbid", arbitrary_types_allowed=False, protected_namespaces=(), validate_default=True)
        with warnings.catch_warnings():
            # A param may be called `copy` or `json`, whatever pydantic's own classes call their methods.
            warnings.filterwarnings("ignore", message="Field name .* shadows an attribute", category=UserWarning)
            try:
                model = create_model(f"{self.function.__name__}_params", __config__=config, **fields)
            except PydanticUserError as error:
                hint = "a param is JSON; frames and references are inputs, in front of `*`"
                raise TypeError(
                    f"op {self.function.__name__!r} has a param of a type that JSON cannot fill ({hint}): {error}"
                ) from None
        self._check_defaults(model)
        return model

    def _check_defaults(self, model: type[BaseModel]) -> None:
        try:
            model.model_validate({})
        except ValidationError as error:
            wrong = [problem for problem in error.errors() if problem["type"] != "missing"]
            if wrong:
                subject = f"op {self.function.__name__!r}: the default of its param {wrong[0]['loc'][0]!r}"
                raise TypeError(f"{subject} does not suit the annotation: {wrong[0]['msg']} (None needs `| None`)") from None

    def inputs(self) -> tuple[Port, ...]:
        return tuple(
            _port(parameter.name, self.hints.get(parameter.name, Any), optional=parameter.default is not parameter.empty)
            for parameter in self.parameters
            if parameter.kind is not parameter.KEYWORD_ONLY
        )

    def outputs(self) -> tuple[Port, ...]:
        annotation = self.hints.get("return", Any)
        if annotation is type(None):
            return ()
        bare, _ = unwrap(annotation)
        if fields := output_fields(bare):
            hints = typing.get_type_hints(bare, include_extras=True)
            return tuple(_port(field, hints[field], optional=unwrap(hints[field])[1]) for field in fields)
        return (_port(RESULT, annotation, optional=unwrap(annotation)[1]),)


def output_fields(annotation: Any) -> tuple[str, ...]:
    """The named outputs of a dataclass or NamedTuple return annotation; nothing for any other."""
    from app.definitions.dataset import Dataset

    if not isinstance(annotation, type) or annotation is Dataset:
        return ()
    if dataclasses.is_dataclass(annotation):
        return tuple(field.name for field in dataclasses.fields(annotation))
    return tuple(getattr(annotation, "_fields", ())) if issubclass(annotation, tuple) else ()


def _port(name: str, annotation: Any, *, optional: bool) -> Port:
    bare, _ = unwrap(annotation)
    return Port(name=name, kind=kind_of(annotation), optional=optional, annotation=getattr(bare, "__name__", str(bare)))


def _description(function: Callable[..., Any]) -> str:
    return inspect.getdoc(function) or ""


def _code_version(function: Callable[..., Any]) -> str:
    """A hash of the function's source, or of its byte code where there is no source (a notebook)."""
    try:
        text = inspect.getsource(function).encode()
    except (OSError, TypeError):
        text = function.__code__.co_code
    return hashlib.sha256(text).hexdigest()[:12]
