"""@factor: a function of columns becomes a column. What the op modules of this process registered, versioned by its source."""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Literal, TypeVar, cast, get_args, overload

from app.definitions.names import is_name, suggestion
from app.stocks.dictionary.scores import BUILT_IN
from app.stocks.factors.inputs import KNOWN

Kind = Literal["time_series", "cross_section"]
F = TypeVar("F", bound=Callable[..., Any])
_PLAIN = (bool, int, float, str, bytes, tuple, frozenset, type(None))


@dataclass(frozen=True)
class Factor:
    """A registered factor. `lookback`: of how many traded days a value is made, its own included; None: of all before it."""

    name: str
    inputs: tuple[str, ...]
    lookback: int | None
    kind: Kind
    function: Callable[..., Any]
    version: str
    meaning: str

    @property
    def facts(self) -> dict[str, Any]:
        """What the dataset says of its column."""
        return {
            "version": self.version,
            "kind": self.kind,
            "inputs": list(self.inputs),
            "lookback": self.lookback,
            "meaning": self.meaning,
        }


registered: dict[str, Factor] = {}
"""Every factor of this process by its name."""


@overload
def factor(function: F) -> F: ...
@overload
def factor(
    *, name: str | None = None, inputs: Sequence[str] | None = None, lookback: int | None = None, kind: Kind = "time_series"
) -> Callable[[F], F]: ...
def factor(
    function: F | None = None,
    *,
    name: str | None = None,
    inputs: Sequence[str] | None = None,
    lookback: int | None = None,
    kind: Kind = "time_series",
) -> Any:
    """Register a function as a factor: a column of the dataset `factors`.

    It takes a pandas Series of floats for each of `inputs` (default: its parameters' names), and returns one with their index.
    time_series: of one instrument, a traded day a row, oldest first. cross_section: of one trade date, an instrument a row.
    Prices are back-adjusted, volumes adjusted for splits. Raises TypeError for what cannot be a factor. The function stays
    what it is, so it can be tested as one.
    """

    def register(target: F) -> F:
        made = _make(cast(FunctionType, target), name or target.__name__, inputs, lookback, kind)
        other = registered.get(made.name)
        # A module that is imported again (a notebook cell, a reload) replaces its own.
        if other is not None and other.function.__module__ != target.__module__:
            raise TypeError(f"factor {made.name!r} of {target.__module__} is already one of {other.function.__module__}")
        registered[made.name] = made
        return target

    return register(function) if function is not None else register


def _make(function: FunctionType, name: str, inputs: Sequence[str] | None, lookback: int | None, kind: Kind) -> Factor:
    _check_name(name)
    if kind not in get_args(Kind):
        raise TypeError(f"factor {name!r}: kind is time_series or cross_section, not {kind!r}")
    parameters = list(inspect.signature(function).parameters.values())
    wanted = tuple(inputs) if inputs is not None else tuple(parameter.name for parameter in parameters)
    if not wanted:
        raise TypeError(f"factor {name!r} has no inputs: name columns, as inputs=['close']")
    for column in wanted:
        if column not in KNOWN:
            near = suggestion(column, KNOWN)
            raise TypeError(f"factor {name!r}: {column!r} is no number of daily_bars or indicators{near}")
    try:
        inspect.signature(function).bind(*wanted)
    except TypeError as error:
        raise TypeError(f"factor {name!r}: its function does not take its {len(wanted)} inputs: {error}") from None
    if kind == "cross_section" and lookback not in (None, 1):
        raise TypeError(f"factor {name!r}: a cross-section is of one trade date, so it has no lookback")
    if lookback is not None and lookback < 1:
        raise TypeError(f"factor {name!r}: lookback counts traded days, its own included: at least 1, not {lookback}")
    back = 1 if kind == "cross_section" else lookback
    meaning = (inspect.getdoc(function) or name).partition("\n")[0]
    return Factor(name, wanted, back, kind, function, _version(function, name, wanted, back, kind), meaning)


def _check_name(name: str) -> None:
    if not is_name(name):
        raise TypeError(f"{name!r} cannot be a factor's name: lower case letters, digits and _, at most 63")
    if name in KNOWN or name in BUILT_IN or name in ("order_book_id", "trade_date"):
        raise TypeError(f"{name!r} cannot be a factor's name: that column exists already")


def _version(function: FunctionType, *said: object) -> str:
    """A hash of the function's source, of the functions and plain values of its module that it names, and of what was said."""
    parts = [repr(said), *_sources(function, set())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _sources(function: FunctionType, seen: set[str]) -> Iterator[str]:
    seen.add(function.__name__)
    try:
        yield inspect.getsource(function)
    except (OSError, TypeError):
        # In a notebook that lost its source; what it names comes below.
        yield f"{function.__code__.co_code.hex()} {function.__code__.co_consts!r}"
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        if isinstance(value, FunctionType) and value.__module__ == function.__module__ and name not in seen:
            yield from _sources(value, seen)
        elif isinstance(value, _PLAIN):
            yield f"{name} = {value!r}"


def _names(code: CodeType) -> set[str]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*map(_names, inner))
