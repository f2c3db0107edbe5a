"""Gates are data: records of checks and limits, which the document shows; policies of a job; a report of every judgement."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from app.stocks.ops.load import load_market_data
from app.stocks.ops.validate import validate_data_quality
from app.stocks.quality import limits
from app.stocks.quality.gate import QualityGate
from app.stocks.quality.policies import Policies
from app.stocks.quality.report import CHECKS
from tests.stocks.bar_files import row, write
from tests.stocks.op_context import Bench

DOCUMENT = Path(__file__).parents[2] / "docs" / "data-quality.md"
MakeBench = Callable[..., Bench]


def checks_table() -> str:
    rows = [
        f"| `{one.name}` | {one.policy} | {one.weight:g} | {one.since or ''} | {one.meaning} |".replace("|  |", "| |")
        for one in CHECKS
    ]
    return "\n".join(["| check | policy | weight | since | passes when |", "|---|---|---|---|---|", *rows])


def limits_table() -> str:
    def whom(rule: limits.Rule) -> str:
        if rule.sessions:
            return f"{rule.sessions} session{'s' * (rule.sessions > 1)} from a listing since then"
        return "under special treatment" if rule.st else "all"

    rows = [f"| {one.board} | {one.since} | {whom(one)} | {one.percent or 'none'} | {one.source} |" for one in limits.RULES]
    return "\n".join(["| board | since | who | limit, % | source |", "|---|---|---|---|---|", *rows])


@pytest.mark.parametrize("table", [checks_table, limits_table])
def test_the_document_shows_the_records(table: Callable[[], str]) -> None:
    assert table() in DOCUMENT.read_text(), f"docs/data-quality.md should hold:\n{table()}"


def test_a_job_may_set_a_policy_of_every_check_within_what_the_check_allows() -> None:
    said = {name: get_args(get_args(field.annotation)[0]) for name, field in Policies.model_fields.items()}
    assert said == {check.name: check.policies for check in CHECKS}
    with pytest.raises(ValueError, match="warn"):
        Policies.model_validate({"vwap": "warn"})
    assert Policies(limits="block").given == {"limits": "block"}


@pytest.fixture
def there(bench: MakeBench, tmp_path: Path) -> Bench:
    """Twenty names, one of which has a stale day, and one a row that is kept out."""
    names = [f"{600000 + at}.XSHG" for at in range(20)]
    rows = [row(f"2026-01-{day:02}", one, volume=day * 1000) for day in (5, 6, 7) for one in names]
    rows[25] |= {"volume": 5000}
    rows[27] |= {"low": 20.0}
    return bench(source="files", files_path=str(write(tmp_path / "bars.csv", rows)))


def judge(bench: Bench, run_id: str, **params: Any) -> None:
    context = bench.run(run_id=run_id)
    validate_data_quality(context, load_market_data(context), **params)


def reports(bench: Bench, run_id: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((bench.data_dir / "quality").glob(f"2026-11/{run_id}.*.json"))]


def test_every_judgement_leaves_its_report_and_a_refused_one_too(there: Bench) -> None:
    judge(there, "fit")
    (passed,) = reports(there, "fit")
    assert (passed["verdict"], passed["refusals"], passed["expected"], passed["missing"]) == ("passed", [], 60, 1)
    checks = {one["check"]: one for one in passed["checks"]}
    assert list(checks) == [check.name for check in CHECKS]
    assert (checks["stale"]["failed"], checks["stale"]["policy"], checks["stale"]["weight"]) == (1, "warn", 0.5)
    assert checks["ohlc"]["examples"][0]["order_book_id"] == "600007.XSHG"
    assert checks["limits"]["since"] == "1996-12-16"

    with pytest.raises(QualityGate, match="stale found 1"):
        judge(there, "unfit", policies=Policies(stale="block"))
    (refused,) = reports(there, "unfit")
    assert (refused["verdict"], refused["min_coverage"], refused["node"]) == ("refused", 0.995, "node")
    assert refused["refusals"] == [
        "stale found 1 (such as 600005.XSHG 2026-01-06: repeats the prices and the volume of the day before)"
    ]
    with pytest.raises(QualityGate, match=r"coverage 0\.9833"):
        judge(there, "few", min_coverage=1.0)


def test_a_check_that_keeps_rows_out_can_stop_publication_too(there: Bench) -> None:
    with pytest.raises(QualityGate, match="ohlc found 1"):
        judge(there, "strict", policies=Policies(ohlc="block"))
