"""@op and @query: what a signature says, and the signatures that no pipeline could use."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

import pandas as pd
import pyarrow as pa
import pytest
from pydantic import Field

from app.definitions import Dataset, OpContext, RetryPolicy, op, query, registry
from app.definitions.catalogue import Catalogue, OpSpec, Port, ShippedDocument
from app.definitions.kinds import Kind, compatible

pytestmark = pytest.mark.usefixtures("empty_registry")


class Parts(NamedTuple):
    good: pd.DataFrame
    bad: pd.DataFrame | None
    count: int


@dataclass
class Fields:
    table: pa.Table
    note: str | None = None


def test_positional_is_input_keyword_only_is_param_and_context_is_neither() -> None:
    @op(retry=RetryPolicy(max_retries=3, delay=60), tags={"importance": "critical"}, pools={"rqdata": 1}, timeout_seconds=60)
    def keep_liquid(
        context: OpContext,
        bars: pd.DataFrame,
        old: Dataset | None = None,
        *,
        min_turnover: Annotated[float, Field(ge=0)] = 1e7,
        day: date,
    ) -> pd.DataFrame:
        """Keep the names that trade."""

    spec = keep_liquid.spec
    assert spec.inputs == (
        Port(name="bars", kind="frame", annotation="DataFrame"),
        Port(name="old", kind="dataset", optional=True, annotation="Dataset"),
    )
    assert spec.outputs == (Port(name="result", kind="frame", annotation="DataFrame"),)
    assert spec.params_schema["properties"]["min_turnover"] == {
        "default": 1e7, "minimum": 0, "title": "Min Turnover", "type": "number",
    }  # fmt: skip
    assert spec.params_schema["required"] == ["day"]
    assert (spec.description, spec.tags, spec.pools, spec.timeout_seconds) == (
        "Keep the names that trade.", {"importance": "critical"}, {"rqdata": 1}, 60,
    )  # fmt: skip
    assert spec.retry == RetryPolicy(max_retries=3, delay=60)
    assert keep_liquid.wants_context


def test_named_outputs_come_from_a_named_tuple_or_a_dataclass() -> None:
    @op
    def parts(data) -> Parts: ...

    @op
    def fields(data) -> Fields: ...

    @op
    def nothing(data) -> None: ...

    @op
    def anything(data): ...

    @op
    def perhaps() -> int | None: ...

    assert [(port.name, port.kind, port.optional) for port in parts.spec.outputs] == [
        ("good", "frame", False), ("bad", "frame", True), ("count", "value", False),
    ]  # fmt: skip
    assert [(port.name, port.kind, port.optional) for port in fields.spec.outputs] == [
        ("table", "frame", False), ("note", "value", True),
    ]  # fmt: skip
    assert nothing.spec.outputs == ()
    assert [(port.name, port.kind, port.optional) for port in anything.spec.outputs] == [("result", "any", False)]
    assert [(port.name, port.kind, port.optional) for port in perhaps.spec.outputs] == [("result", "value", True)]


def test_an_op_answers_to_its_name_with_and_without_the_suffix() -> None:
    @op
    def sync_ohlcv_op(symbols, dates): ...

    @op(name="score", aliases=("rate",))
    def calculate(data): ...

    assert registry.ops["sync_ohlcv"] is registry.ops["sync_ohlcv_op"] is sync_ohlcv_op
    assert {name for name, each in registry.ops.items() if each is calculate} == {"score", "rate", "score_op"}


def test_called_outside_a_job_an_op_is_its_function() -> None:
    @op
    def double(context, x, *, times=2):
        return x * times

    assert double(None, 4, times=3) == 12


def test_the_words_of_dagster_are_taken() -> None:
    @op(retry_policy=RetryPolicy(max_retries=3, delay=60))
    def fetch(): ...

    assert fetch.spec.retry == RetryPolicy(max_retries=3, delay=60)


def starred(*data): ...
def named(**data): ...
def frame_as_param(*, bars: pd.DataFrame): ...
def wrong_default(*, start: date = None): ...  # noqa: RUF013  the mistake that is meant
def unreadable(data: "Nowhere"): ...  # noqa: F821  the mistake that is meant
def Upper(data): ...  # noqa: N802  the mistake that is meant
def fine(data, *, publish: bool = False): ...


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (starred, {}, r"takes \*data: its inputs and params must be named"),
        (named, {}, r"takes \*data: its inputs and params must be named"),
        (frame_as_param, {}, r"of a type that JSON cannot fill \(a param is JSON; frames and references are inputs"),
        (wrong_default, {}, r"the default of its param 'start' does not suit the annotation: .* \(None needs `\| None`\)"),
        (unreadable, {}, r"cannot be read: name 'Nowhere' is not defined"),
        (Upper, {}, r"'Upper' cannot be an op's name"),
        (fine, {"name": "a/b"}, r"'a/b' cannot be an op's name"),
        (fine, {"aliases": ("A",)}, r"'A' cannot be an alias of op 'fine'"),
        (fine, {"publishes": "publsh"}, r"publishes by 'publsh', which is not one of its keyword-only params"),
    ],
)
def test_a_signature_that_no_pipeline_could_use_is_refused(function: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        op(**options)(function)
    assert registry.ops == {}


@pytest.mark.parametrize(
    "options", [{"timeout_seconds": 0}, {"tags": {"a": 1}}, {"pools": {"a": 0}}, {"pools": {"A": 1}}, {"retries": 3}]
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        op(**options)(fine)


def test_a_param_may_have_the_name_of_a_method_of_pydantic() -> None:
    @op
    def copying(*, copy: bool = True, json: Literal["a", "b"] = "a"): ...

    assert set(copying.spec.params_schema["properties"]) == {"copy", "json"}


def test_two_modules_cannot_have_the_same_op_but_one_may_replace_its_own() -> None:
    op(fine)
    op(fine)
    other = op(fine).spec.model_copy(update={"module": "elsewhere"})
    with pytest.raises(ValueError, match="op 'fine' of elsewhere is already registered by"):
        registry.add_op(type(op(fine))(fine, other, op(fine).params_model))


def test_a_code_version_changes_with_the_source_and_only_with_it() -> None:
    first, again = op(fine).spec.code_version, op(fine).spec.code_version
    assert first == again

    def fine_too(data, *, publish: bool = False): ...

    assert op(fine_too).spec.code_version != first


def test_a_query_has_params_only() -> None:
    @query
    def coverage(context, *, dataset: str, days: int = 20):
        """How much is there."""
        return {"dataset": dataset, "days": days}

    assert registry.queries["coverage"] is coverage
    assert coverage.spec.params_schema["required"] == ["dataset"]
    assert coverage(None, dataset="daily_bars") == {"dataset": "daily_bars", "days": 20}


@pytest.mark.parametrize(
    ("output", "wanted", "fits"),
    [
        *[(kind, kind, True) for kind in ("value", "frame", "dataset", "any")],
        *[("frame", "dataset", True), ("dataset", "frame", True), ("any", "value", True), ("value", "any", True)],
        *[("value", "frame", False), ("frame", "value", False), ("dataset", "value", False), ("value", "dataset", False)],
    ],
)
def test_a_value_never_meets_data(output: Kind, wanted: Kind, fits: bool) -> None:
    assert compatible(output, wanted) is fits


def test_a_catalogue_survives_json_and_finds_ops_by_every_name() -> None:
    catalogue = Catalogue(ops=(op(fine).spec,))
    again = Catalogue.model_validate_json(catalogue.model_dump_json())
    assert again == catalogue
    spec = again.op("fine_op")
    assert isinstance(spec, OpSpec)
    assert spec.name == "fine"
    assert again.op("fin") is None


def test_documents_of_a_catalogue_stand_behind_what_they_name() -> None:
    def shipped(kind: Any, managed_by: Any = "file") -> ShippedDocument:
        return ShippedDocument(kind=kind, managed_by=managed_by, document={"name": kind})

    given = [
        shipped("trigger"),
        shipped("job"),
        shipped("job", "catalog"),
        shipped("pipeline"),
        shipped("schedule"),
        shipped("pool"),
    ]
    ordered = [(each.kind, each.managed_by) for each in Catalogue(documents=tuple(given)).documents]
    assert ordered == [
        ("pool", "file"), ("pipeline", "file"), ("job", "catalog"), ("job", "file"), ("schedule", "file"), ("trigger", "file"),
    ]  # fmt: skip
