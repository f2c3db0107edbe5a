"""A small catalogue for tests of documents: the five ops of the stock analysis, and one of each oddity."""

from datetime import date
from typing import Any, Literal, NamedTuple

import pytest
from pydantic import SecretStr

from app.definitions import registry
from app.definitions.catalogue import Catalogue
from app.definitions.dataset import Dataset
from app.definitions.op import op
from app.definitions.pipeline import Pipeline, parse_pipeline
from app.errors import Invalid


class Parts(NamedTuple):
    good: Dataset
    bad: Dataset | None


def load_market_data(*, days: int | None = None, start: date | None = None, symbols: list[str] | None = None) -> Dataset: ...
def validate_data_quality(data: Dataset) -> Dataset: ...
def calculate_indicators(data: Dataset, *, adjust: Literal["pre", "post"] = "post") -> Dataset: ...
def calculate_scores(indicators: Dataset, weights: dict[str, float] | None = None, *, min_factors: int = 3) -> Dataset: ...
def save_results(scores: Dataset) -> None: ...
def split(data: Dataset, *, ratio: float) -> Parts: ...
def count(data: Dataset) -> int: ...
def untyped(data, *, setting=None): ...
def choose(*, either: list[int] | list[str] | None = None, names: set[str] | None = None) -> Dataset: ...
def fetch(*, token: SecretStr, retries: int = 1) -> Dataset: ...


def _catalogue() -> Catalogue:
    before = registry.clear()
    functions = (
        load_market_data, validate_data_quality, calculate_indicators, calculate_scores, save_results, split, count, untyped,
        choose,
    )  # fmt: skip
    try:
        specs = [op(function).spec for function in functions]
        return Catalogue(ops=(*specs, op(pools={"vendor": 1})(fetch).spec))
    finally:
        registry.restore(before)


CATALOGUE = _catalogue()
REMOVE = object()


def stock_analysis() -> dict[str, Any]:
    """The pipeline document of the HTTP contract, anew for each test that breaks it."""
    return {
        "name": "stock_analysis",
        "description": "Load, validate, calculate, score, save.",
        "params": {"report_days": {"type": "integer", "default": 250, "minimum": 1}},
        "nodes": [
            {"id": "load", "op": "load_market_data", "params": {"days": "${params.report_days}"}},
            {"id": "validate", "op": "validate_data_quality", "inputs": {"data": "load"}},
            {
                "id": "indicators",
                "op": "calculate_indicators",
                "inputs": {"data": "validate"},
                "pools": {"cpu": 1},
                "retry": {"max_retries": 3, "delay": 60, "backoff": "exponential", "jitter": "full"},
                "timeout_seconds": 600,
                "tags": {"importance": "critical"},
            },
            {"id": "scores", "op": "calculate_scores", "inputs": {"indicators": "indicators"}},
            {"id": "save", "op": "save_results", "inputs": {"scores": "scores"}},
        ],
    }


def broken(changes: dict[str, Any]) -> dict[str, Any]:
    """The good document with parts of it replaced or, by REMOVE, left out; a key is a JSON pointer without escapes."""
    document = stock_analysis()
    for pointer, value in changes.items():
        *way, last = [int(part) if part.isdigit() else part for part in pointer.split("/")[1:]]
        spot: Any = document
        for part in way:
            spot = spot.setdefault(part, {}) if isinstance(spot, dict) else spot[part]
        if value is REMOVE:
            del spot[last]
        else:
            spot[last] = value
    return document


def parsed(document: object) -> Pipeline:
    """The pipeline of a document that is meant to be valid."""
    return parse_pipeline(document, CATALOGUE)


def faults(document: object, **options: Any) -> dict[str, str]:
    """Pointer to message, for a document that is meant to be refused; two faults at one place would be one too many."""
    with pytest.raises(Invalid) as caught:
        parse_pipeline(document, CATALOGUE, **options)
    found = {fault.pointer: fault.message for fault in caught.value.faults}
    assert len(found) == len(caught.value.faults), caught.value.faults
    return found
