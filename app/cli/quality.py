"""`openbell quality`: what the gates of a run found, whether or not they let it pass."""

from typing import Any

import typer

from app.cli import screen
from app.cli.options import Json, RunId
from app.cli.runs import whole_id
from app.cli.service import connect, path

NOT_PASSED = 1


def quality(run: RunId, as_json: Json = False) -> None:
    """Show what the checks of a run found. The exit code is 1 when a gate refused its data."""
    service = connect()
    answer = service.get(path("runs", whole_id(service, run), "quality"))
    if as_json:
        screen.document(answer)
    else:
        _shown(answer)
    if any(report["verdict"] == "refused" for report in answer["items"]):
        raise typer.Exit(NOT_PASSED)


def _shown(answer: dict[str, Any]) -> None:
    if not answer["items"]:
        screen.line(f"{answer['job']} ({answer['status']}): this run judged nothing")
    for report in answer["items"]:
        screen.line(_headline(answer, report))
        for reason in report["refusals"]:
            screen.line(f"  not published: {reason}")
        if report["checks"] is not None:
            screen.line(_coverage(report))
            _checks(report["checks"])


def _headline(answer: dict[str, Any], report: dict[str, Any]) -> str:
    days = (
        report["start_date"] if report["start_date"] == report["end_date"] else f"{report['start_date']} to {report['end_date']}"
    )
    found = f", quality {report['quality']:.4f}" if report["quality"] is not None else ""
    return f"{answer['job']}, {report['node']}: {report['dataset']} of {days} {report['verdict']}{found}"


def _coverage(report: dict[str, Any]) -> str:
    missing = f"{report['missing']} of {report['expected']} expected rows missing, of {report['missing_instruments']} instruments"
    needed = f" (needed: {report['min_coverage']})" if report["min_coverage"] is not None else ""
    return f"  {report['examined']} rows examined; {missing}; coverage {report['coverage']:.4f}{needed}"


def _checks(checks: list[dict[str, Any]]) -> None:
    found = [one for one in checks if one["failed"]]
    clean = [one["check"] for one in checks if one["checked"] and not one["failed"]]
    rows = [[one["check"], one["policy"], one["failed"], one["checked"], f"{one['passed']:.4%}", _example(one)] for one in found]
    if rows:
        screen.table(("check", "policy", "failed", "of", "passed", "found"), rows, spare=("of", "passed"))
    if clean:
        screen.line(f"  nothing found by {', '.join(clean)}")


def _example(verdict: dict[str, Any]) -> str:
    if not verdict["examples"]:
        return ""
    one = verdict["examples"][0]
    more = f" (and {verdict['failed'] - 1} more)" if verdict["failed"] > 1 else ""
    return f"{one['order_book_id']} {one['trade_date']}: {one['detail']}{more}"
