"""What an op returned, as outputs: a value, a dataset reference or a frame under each declared name."""

from typing import Any

from app.definitions.catalogue import Port
from app.definitions.dataset import Dataset
from app.definitions.messages import Output
from app.definitions.op import RESULT, Op
from app.errors import Invalid
from app.runner.frames import is_frame
from app.runner.graph import Node
from app.runner.run import Run
from app.runner.values import to_json


def settle(op: Op, node: Node, result: Any, run: Run) -> dict[str, Output]:
    """The outputs by name; an optional one that is None was left out. Raises Invalid naming the op and the output."""
    outputs = {}
    for port in op.spec.outputs:
        value = _pick(op, port, result)
        if value is not None or not port.optional:
            outputs[port.name] = _output(op, node, port, value, run)
    return outputs


def _pick(op: Op, port: Port, result: Any) -> Any:
    if len(op.spec.outputs) == 1 and port.name == RESULT:
        return result
    try:
        return getattr(result, port.name)
    except AttributeError:
        raise Invalid(f"op {op.spec.name!r} returned a {type(result).__name__}, which has no output {port.name!r}") from None


def _output(op: Op, node: Node, port: Port, value: Any, run: Run) -> Output:
    subject = f"output {port.name!r} of op {op.spec.name!r}"
    if isinstance(value, Dataset):
        _check_kind(port, "dataset", subject)
        return {"kind": "dataset", "dataset": value.name, "rows": value.rows, "quality": value.quality}
    if is_frame(value):
        _check_kind(port, "frame", subject)
        wanted = any(source.node is node and source.output == port.name for user in node.consumers for source in user.sources)
        return run.frames.put(node.id, port.name, value, wanted=wanted, keep=op.spec.keep)
    if value is None:
        _refuse_nothing(port, subject)
    _check_kind(port, "value", subject)
    return {"kind": "value", "value": to_json(value, subject)}


def _check_kind(port: Port, kind: str, subject: str) -> None:
    if port.kind != "any" and (port.kind == "value") != (kind == "value"):
        raise Invalid(f"{subject} is declared as {port.annotation} but is a {kind}")


def _refuse_nothing(port: Port, subject: str) -> None:
    if port.kind in ("frame", "dataset"):
        hint = f"annotate it `{port.annotation} | None` if it may be left out"
        raise Invalid(f"{subject} is declared as {port.annotation} but is None", hint=hint)
