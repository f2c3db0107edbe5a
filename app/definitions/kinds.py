"""What travels along an edge: a value, a frame or a dataset reference; read off an annotation, without imports."""

import types
import typing
from typing import Any, Literal

from app.definitions.dataset import Dataset

Kind = Literal["value", "frame", "dataset", "any"]

_FRAMES = {("pandas", "DataFrame"), ("pyarrow", "Table"), ("pyarrow", "RecordBatch")}


def unwrap(annotation: Any) -> tuple[Any, bool]:
    """The annotation without Annotated and without `| None`, and whether it was optional."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(annotation) if part is not types.NoneType]
        if len(rest) < len(typing.get_args(annotation)) and len(rest) == 1:
            return unwrap(rest[0])[0], True
    return annotation, False


def kind_of(annotation: Any) -> Kind:
    """value, frame, dataset, or any for an annotation that is missing or says nothing."""
    bare, _ = unwrap(annotation)
    if bare is Any or bare is None or bare is object:
        return "any"
    if bare is Dataset:
        return "dataset"
    if isinstance(bare, type) and (bare.__module__.split(".")[0], bare.__name__) in _FRAMES:
        return "frame"
    return "value"


def compatible(output: Kind, wanted: Kind) -> bool:
    """Whether an output may feed an input: frames and references convert into each other, a value never meets data."""
    if "any" in (output, wanted):
        return True
    return (output == "value") == (wanted == "value")
