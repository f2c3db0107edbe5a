"""The gate before publication: enough rows, and nothing that must not be there."""

import math
from collections.abc import Sequence

from app.errors import Conflict
from app.stocks.quality.check import Verdict
from app.stocks.quality.report import Report

MIN_COVERAGE = 0.995


class QualityGate(Conflict):
    """The data are not good enough to be published; readers keep the last good snapshot."""

    code = "quality_gate"
    reason = "quality_gate"


def pass_gate(reasons: Sequence[str]) -> None:
    """Raise QualityGate with every reason why the examined rows may not be published, unless there is none."""
    if reasons:
        hint = "openbell quality RUN shows all that was found; what is asked for are the op's params min_coverage and policies"
        raise QualityGate("Not published: " + "; ".join(reasons), hint=hint)


def refusals(report: Report, min_coverage: float = MIN_COVERAGE) -> list[str]:
    """What speaks against publication, in sentences; nothing when it may go on."""
    found = []
    days = f"{report.start} to {report.end}"
    few = _few(len(report.missing_names), len(report.expected_names), min_coverage) and report.missing < report.expected
    for when, expected, missing, excused in (
        (days, report.expected, report.missing, few),
        (str(report.end), *report.newest, False),
    ):
        if not excused and not _few(missing, expected, min_coverage):
            part = f"coverage {1 - missing / expected:.4f}, {min_coverage} is needed"
            found.append(f"{missing} of {expected} expected rows of {when} are missing ({part})")
    if not report.expected and _keeping_out(report):
        found.append(f"not one row of {days} is fit")
    if found:
        found.extend(f"{one.failed} rows kept out by {one.check}{_example(one)}" for one in _keeping_out(report))
    found.extend(
        f"{count} rows in the lake fail {name}{_example(report.verdicts[name])}" for name, count in report.standing.items()
    )
    found.extend(
        f"{verdict.check} found {verdict.failed}{_example(verdict)}"
        for verdict in report.verdicts.values()
        if verdict.policy == "block" and verdict.failed and verdict.check not in report.standing
    )
    return found


def _few(missing: int, expected: int, min_coverage: float) -> bool:
    """Whether so many may be missing. Rounded up: in a universe of fifty the percentage alone lets one name stop everything.

    Asked of instruments it excuses the rows of one that says nothing for weeks, as a suspended one may.
    """
    return missing <= math.ceil(round((1 - min_coverage) * expected, 9))


def _keeping_out(report: Report) -> list[Verdict]:
    failed = [one for one in report.verdicts.values() if one.policy == "quarantine" and one.failed]
    return [one for one in failed if one.check not in report.standing]


def _example(verdict: Verdict) -> str:
    if not verdict.examples:
        return ""
    one = verdict.examples[0]
    return f" (such as {one['order_book_id']} {one['trade_date']}: {one['detail']})"
