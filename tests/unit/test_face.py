"""@job over a function whose body calls ops: what it draws, and what it refuses."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import pandas as pd
import pytest
from pydantic import Field, SecretStr

from app.definitions import Dataset, JobDefinition, RetryPolicy, job, op, registry
from app.errors import Invalid
from tests.unit.catalogue import CATALOGUE

pytestmark = pytest.mark.usefixtures("empty_registry")


class Parts(NamedTuple):
    good: Dataset
    bad: Dataset | None


@op
def load(*, days: int | None = None, start: dt.date | None = None, symbols: list[str] | None = None) -> Dataset: ...
@op
def split(data: Dataset, *, ratio: float = 0.5) -> Parts: ...
@op
def join(left: Dataset, right: Dataset | None = None, *, how: str = "inner") -> Dataset: ...
@op
def fetch(*, token: SecretStr) -> Dataset: ...
@op
def save_op(scores: Dataset) -> None: ...
@op
def count(data: Dataset) -> int: ...


def nodes(body: Callable[..., Any]) -> list[dict[str, Any]]:
    drawn: list[dict[str, Any]] = job(name="drawn_job")(body).pipeline_document["nodes"]
    return drawn


def test_calls_become_nodes_and_answers_become_edges() -> None:
    def body():
        first = load(days=5)
        again = load(start=dt.date(2026, 1, 5), symbols=("a", "b"))
        save_op(join(first, right=again, how="outer"))
        save_op(scores=join(first))

    assert nodes(body) == [
        {"id": "load", "op": "load", "params": {"days": 5}},
        {"id": "load_2", "op": "load", "params": {"start": "2026-01-05", "symbols": ["a", "b"]}},
        {"id": "join", "op": "join", "inputs": {"left": "load", "right": "load_2"}, "params": {"how": "outer"}},
        {"id": "save", "op": "save", "inputs": {"scores": "join"}},
        {"id": "join_2", "op": "join", "inputs": {"left": "load"}},
        {"id": "save_2", "op": "save", "inputs": {"scores": "join_2"}},
    ]


def test_named_outputs_by_attribute_or_unpacked() -> None:
    def by_attribute():
        parts = split(load())
        save_op(parts.good)
        save_op(parts.bad)

    def unpacked():
        good, bad = split(load())
        save_op(good)
        save_op(bad)

    assert nodes(by_attribute) == nodes(unpacked)
    assert [each["inputs"] for each in nodes(unpacked)[2:]] == [{"scores": "split.good"}, {"scores": "split.bad"}]


def test_none_for_an_optional_input_leaves_it_out() -> None:
    assert nodes(lambda: join(load(), None))[1] == {"id": "join", "op": "join", "inputs": {"left": "load"}}


def test_parameters_of_the_function_become_params_of_the_pipeline() -> None:
    @job
    def research_job(
        days: Annotated[int, Field(ge=1, description="How far back.")] = 20,
        symbol: str = "a",
        start: dt.date = dt.date(2026, 1, 5),
        how: Literal["inner", "outer"] = "inner",
        ratio=0.25,
        *,
        token: SecretStr,
        extra: list[str] | int | None,
    ):
        parts = split(join(load(days=days, symbols=["x", symbol], start=start), fetch(token=token), how=how), ratio=ratio)
        save_op(parts.good)

    document = research_job.pipeline_document
    assert document["params"] == {
        "days": {"type": "integer", "minimum": 1, "description": "How far back.", "default": 20},
        "symbol": {"type": "string", "default": "a"},
        "start": {"type": "string", "format": "date", "default": "2026-01-05"},
        "how": {"type": "string", "enum": ["inner", "outer"], "default": "inner"},
        "ratio": {"type": "number", "default": 0.25},
        "token": {"type": "string", "secret": True},
        "extra": {"type": ["array", "integer", "null"], "items": {"type": "string"}},
    }
    assert [each.get("params") for each in document["nodes"]] == [
        {"days": "${params.days}", "symbols": ["x", "${params.symbol}"], "start": "${params.start}"},
        {"token": "${params.token}"},
        {"how": "${params.how}"},
        {"ratio": "${params.ratio}"},
        None,
    ]


def test_the_job_has_what_the_decorator_says() -> None:
    @job(
        name="liquid_job",
        tags={"type": "research"},
        priority="high",
        retry=RetryPolicy(max_retries=2),
        calendar="XSHG",
        max_concurrent_runs=3,
        timeout_seconds=60,
        memory_limit_bytes=2**30,
        owner="quant",
        runbook="Ask.",
    )
    def anything():
        """Only what trades."""
        save_op(load())

    assert anything.name == "liquid_job"
    assert anything.pipeline_document["name"] == "liquid"
    assert anything.pipeline_document["description"] == "Only what trades."
    assert (
        anything.job_document
        == {
            "name": "liquid_job",
            "pipeline": "liquid",
            "params": {},
            "tags": {"type": "research"},
            "priority": "high",
            "max_concurrent_runs": 3,
            "timeout_seconds": 60.0,
            "memory_limit_bytes": 2**30,
            "retry": {"max_retries": 2},
            "calendar": "XSHG",
            "description": "Only what trades.",
            "owner": "quant",
            "runbook": "Ask.",
        }
        | {}
        if "params" in anything.job_document
        else anything.job_document
    )


def looks(question: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: question(load())


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (looks(bool), "is tested"),
        (looks(lambda data: not data), "is tested"),
        (looks(len), "is measured"),
        (looks(list), "is iterated over"),
        (looks(lambda data: data == 3), "is compared"),
        (looks(lambda data: data != data), "is compared"),
        (looks(lambda data: data > 0), "is compared"),
        (looks(lambda data: "close" in data), "is compared"),
        (looks(lambda data: data["close"]), "is indexed"),
        (looks(lambda data: data + 1), "is calculated with"),
        (looks(lambda data: 2 * data), "is calculated with"),
        (looks(lambda data: f"{data}"), "is put into a text"),
        (looks(lambda data: data()), "is called"),
        (looks(lambda data: split(data).good and 1), "is tested"),
    ],
)
def test_a_body_that_looks_at_data_is_refused_with_the_way_out(body: Callable[[], Any], what: str) -> None:
    with pytest.raises(TypeError, match=rf"the output .*of '\w+' {what} in the body of a job, but .* leave that output out"):
        job(name="looking_job")(body)
    assert registry.documents == []


def test_a_body_that_looks_at_a_param_is_refused_too() -> None:
    def body(days: int = 5):
        return load() if days > 3 else load(days=1)

    with pytest.raises(TypeError, match="the job's param 'days' is compared"):
        job(body)


def give_param_as_input(days: int = 5):
    save_op(days)


OTHER: list[Any] = []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            lambda: save_op(3),
            r"input 'scores' of op 'save' must be what another op of this job answered, not int; .* \(behind `\*`\)",
        ),
        (
            lambda: save_op(pd.DataFrame()),
            "input 'scores' of op 'save' must be what another op of this job answered, not DataFrame",
        ),
        (lambda: save_op(None), "must be what another op of this job answered, not NoneType"),
        (give_param_as_input, "is given the job's param 'days': params go to an op's keyword-only parameters"),
        (lambda: save_op(split(load())), "is given all of the output of 'split': choose one of good, bad"),
        (lambda: save_op(load(), 3), r"op 'save' takes 1 inputs \(scores\), not 2; its params are given by keyword: it has none"),
        (lambda: load(5), r"op 'load' takes 0 inputs \(none\), not 1; its params are given by keyword: days, start, symbols"),
        (lambda: save_op(load(), scores=load()), "op 'save' is given its input 'scores' twice"),
        (lambda: load(dayz=3), "op 'load' has no input or param 'dayz'; did you mean 'days'"),
        (lambda: save_op(score=load()), "op 'save' has no input or param 'score'; did you mean 'scores'"),
        (lambda: load(days=load()), "param 'days' of op 'load' is given the output of 'load': outputs go to an op's positional"),
        (lambda: load(symbols=[load()]), "param 'symbols' of op 'load' is given the output of 'load'"),
        (lambda: load(days=object()), "param 'days' of op 'load' is given object, which is not JSON"),
        (lambda: load(days=float("nan")), "param 'days' of op 'load' is given nan, which JSON does not have"),
        (lambda: save_op(OTHER[0]), "is given the output of 'load' of another job"),
        (lambda: None, "the body of job 'refused_job' calls no op"),
        (lambda *days: load(), r"job 'refused_job' takes \*days: its params must be named"),
    ],
)
def test_a_call_that_no_run_could_make_is_refused_where_it_stands(body: Callable[[], Any], message: str) -> None:
    job(name="other_job")(lambda: OTHER.append(load()))
    registry.clear()
    with pytest.raises(TypeError, match=message):
        job(name="refused_job")(body)
    assert registry.documents == []


@pytest.mark.parametrize(("name", "nearest"), [("goood", "did you mean 'good'"), ("rows", "has no output 'rows'$")])
def test_an_output_that_is_not_there(name: str, nearest: str) -> None:
    with pytest.raises(AttributeError, match=nearest):
        job(name="a_job")(lambda: getattr(split(load()), name))


def test_the_rest_is_said_all_at_once_as_of_a_document() -> None:
    def body(days: str = "many"):
        load(days=days)
        split(load(days="x"))
        save_op(count(load()))
        split()

    with pytest.raises(Invalid) as caught:
        job(name="a_job")(body)
    assert {fault.pointer for fault in caught.value.faults} == {
        "/nodes/0/params/days", "/nodes/1/params/days", "/nodes/5/inputs/scores", "/nodes/6/inputs/data",
    }  # fmt: skip


@pytest.mark.parametrize("options", [{"name": "A"}, {"tags": {"priority": "x"}}, {"calendar": "NYSE"}, {"priority": 101}])
def test_bad_options_are_faults_of_the_jobs_document(options: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        job(**{"name": "a_job", **options})(lambda: load())


def test_ops_run_again_once_the_body_has_been_drawn_even_if_it_failed() -> None:
    @op
    def seven():
        return 7

    job(name="a_job")(lambda: seven())
    assert seven() == 7
    with pytest.raises(ZeroDivisionError):
        job(name="b_job")(lambda: seven() and 1 / 0 if False else 1 / 0)
    assert seven() == 7


def test_a_job_is_not_a_function() -> None:
    made = job(name="a_job")(lambda: load())
    with pytest.raises(TypeError, match=r"job 'a_job' is a definition and cannot be called; run it with PipelineManager.run_job"):
        made()


def test_a_module_brings_its_definitions_along_and_may_be_imported_again() -> None:
    for days in (1, 2):
        made = job(name="a_job")(lambda days=days: load(days=days))
    assert [(each.kind, each.managed_by) for each in registry.documents] == [("pipeline", "file"), ("job", "file")]
    assert registry.documents[0].document == made.pipeline_document

    def elsewhere():
        load()

    elsewhere.__module__ = "elsewhere"
    with pytest.raises(ValueError, match="pipeline 'a' of elsewhere is already registered by"):
        job(name="a_job")(elsewhere)


def test_a_very_long_op_name_still_gets_ids() -> None:
    long = op(name="a" * 63)(lambda: None)
    made: JobDefinition = job(name="a_job")(lambda: [long(), long()])
    first, second = (node["id"] for node in made.pipeline_document["nodes"])
    assert len(first) == 63
    assert len(second) <= 63
    assert first != second


def test_what_it_makes_is_what_http_would_take() -> None:
    from app.definitions.pipeline import parse_pipeline

    made = job(name="a_job")(lambda: save_op(load()))
    document = made.pipeline_document
    for node in document["nodes"]:
        node["op"] = {"load": "load_market_data", "save": "save_results"}[node["op"]]
    assert parse_pipeline(document, CATALOGUE).document == document
