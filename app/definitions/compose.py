"""From the body of a @job to a graph: ops that are called there add nodes, and what they answer stands for outputs."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import pydantic_core

from app.definitions.catalogue import OpSpec
from app.definitions.names import NAME_LIMIT, suggestion
from app.definitions.op import RESULT, Op

_BRANCH_HINT = (
    "the body is called once, to draw the graph, when there is no data yet. To run a node only sometimes, let the op before it "
    "return `... | None` and leave that output out: what needs it is skipped"
)


class Deferred:
    """Stands for something that exists only in a run. Whatever would look at it now is refused."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        _refuse(self, "is put into a text")


def _refuse(deferred: Deferred, what: str) -> NoReturn:
    raise TypeError(f"{deferred!r} {what} in the body of a job, but {_BRANCH_HINT}")


def _refusal(what: str) -> Callable[..., Any]:
    def refuse(self: Deferred, *_: Any) -> NoReturn:
        _refuse(self, what)

    return refuse


_REFUSED = {
    "is tested": ("bool",),
    "is measured": ("len", "int", "float", "index", "abs"),
    "is iterated over": ("iter", "next", "reversed"),
    "is compared": ("eq", "ne", "lt", "le", "gt", "ge", "contains"),
    "is indexed": ("getitem", "setitem", "delitem"),
    "is called": ("call",),
    "is calculated with": (
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "neg", "pos", "invert"),
        *("radd", "rsub", "rmul", "rtruediv", "rfloordiv", "rmod", "rpow", "rmatmul", "rand", "ror", "rxor"),
    ),
}
for _what, _names in _REFUSED.items():
    for _name in _names:
        setattr(Deferred, f"__{_name}__", _refusal(_what))


class JobParam(Deferred):
    """A parameter of the job's function: becomes `${params.<name>}` where an op's param is given it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"the job's param {self._name!r}"


class Reference(Deferred):
    """The outputs of a node, or one of them."""

    __slots__ = ("_node", "_output", "_owner", "_spec")

    def __init__(self, owner: "Composition", node: str, spec: OpSpec, output: str = "") -> None:
        self._owner = owner
        self._node = node
        self._spec = spec
        self._output = output

    def __repr__(self) -> str:
        return f"the output {self._output!r} of {self._node!r}" if self._output else f"the output of {self._node!r}"

    def __getattr__(self, name: str) -> "Reference":
        names = self._names()
        if self._output or name not in names:
            raise AttributeError(f"{self!r} has no output {name!r}{suggestion(name, names)}")
        return Reference(self._owner, self._node, self._spec, name)

    def __iter__(self) -> Iterator["Reference"]:
        """Unpacks named outputs, in the order in which the op declares them."""
        names = self._names()
        if self._output or not names:
            _refuse(self, "is iterated over")
        return iter([Reference(self._owner, self._node, self._spec, name) for name in names])

    def _names(self) -> list[str]:
        return [port.name for port in self._spec.outputs if port.name != RESULT]


class Composition:
    """The nodes that a body has added so far."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.ops: dict[str, OpSpec] = {}

    def add(self, op: Op, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Reference:
        """A node for this call. Raises TypeError for a call that no run could make."""
        ports = [port.name for port in op.spec.inputs]
        params = list(op.params_model.model_fields)
        if len(arguments) > len(ports):
            takes = f"takes {len(ports)} inputs ({', '.join(ports) or 'none'}), not {len(arguments)}"
            raise TypeError(f"op {op.spec.name!r} {takes}; its params are given by keyword: {', '.join(params) or 'it has none'}")
        inputs: dict[str, str] = {}
        node: dict[str, Any] = {"id": self._free_id(op.spec.name), "op": op.spec.name}
        literals: dict[str, Any] = {}
        for name, value in [*zip(ports, arguments, strict=False), *keywords.items()]:
            if name in inputs:
                raise TypeError(f"op {op.spec.name!r} is given its input {name!r} twice")
            if name in ports:
                inputs.update(self._input(op.spec, name, value))
            elif name in params:
                literals[name] = self._literal(op.spec, name, value)
            else:
                raise TypeError(f"op {op.spec.name!r} has no input or param {name!r}{suggestion(name, [*ports, *params])}")
        self.nodes.append({**node, **({"inputs": inputs} if inputs else {}), **({"params": literals} if literals else {})})
        self.ops[op.spec.name] = op.spec
        return Reference(self, node["id"], op.spec)

    def _free_id(self, name: str) -> str:
        taken = {node["id"] for node in self.nodes}
        number, candidate = 1, name
        while candidate in taken:
            number += 1
            candidate = f"{name[: NAME_LIMIT - 5]}_{number}"
        return candidate

    def _input(self, spec: OpSpec, name: str, value: Any) -> dict[str, str]:
        """The input as the document names it; nothing for an optional one that is given None."""
        if value is None and any(port.name == name and port.optional for port in spec.inputs):
            return {}
        if isinstance(value, JobParam):
            raise TypeError(
                f"input {name!r} of op {spec.name!r} is given {value!r}: params go to an op's keyword-only parameters"
            )
        if not isinstance(value, Reference):
            raise TypeError(
                f"input {name!r} of op {spec.name!r} must be what another op of this job answered, not {type(value).__name__}; "
                "a value goes to a keyword-only parameter of the op (behind `*`)"
            )
        if value._owner is not self:
            raise TypeError(f"input {name!r} of op {spec.name!r} is given {value!r} of another job")
        outputs = value._names()
        if len(outputs) > 1 and not value._output:
            raise TypeError(f"input {name!r} of op {spec.name!r} is given all of {value!r}: choose one of {', '.join(outputs)}")
        return {name: f"{value._node}.{value._output}" if value._output else value._node}

    def _literal(self, spec: OpSpec, name: str, value: Any) -> Any:
        """The param as JSON, with placeholders for the job's own params."""
        if isinstance(value, JobParam):
            return f"${{params.{value._name}}}"
        if isinstance(value, Reference):
            raise TypeError(f"param {name!r} of op {spec.name!r} is given {value!r}: outputs go to an op's positional parameters")
        if isinstance(value, Mapping):
            return {str(key): self._literal(spec, name, item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._literal(spec, name, item) for item in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise TypeError(f"param {name!r} of op {spec.name!r} is given {value}, which JSON does not have")
        try:
            return pydantic_core.to_jsonable_python(value)
        except ValueError:
            raise TypeError(f"param {name!r} of op {spec.name!r} is given {type(value).__name__}, which is not JSON") from None
