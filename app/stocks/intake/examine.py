"""Judging what a run is about to publish: read it as the run sees it, sum up, note it, pass the gate or fail."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

import pyarrow as pa

from app.definitions import Dataset, OpContext
from app.stocks import calendar, gaps
from app.stocks.intake.intake import roll_of
from app.stocks.intake.reference import stage_calendar
from app.stocks.intake.window import LOOKBACK_SESSIONS, Window
from app.stocks.quality import panel, quarantine, reports
from app.stocks.quality.gate import pass_gate, refusals
from app.stocks.quality.policies import Policies
from app.stocks.quality.report import Report


def examine(
    context: OpContext, window: Window, *, symbols: Sequence[str] | None, min_coverage: float, policies: Policies
) -> Dataset:
    """Examine the window's bars, note their quality with the dataset, and raise QualityGate unless they may be published.

    What was found is kept as the step's report, whether or not they may.
    """
    report = Report.begin(window.start, window.end, policies)
    stage_calendar(context)
    roll = roll_of(context, symbols)
    symbols = None if symbols is None else roll.ids
    let_in = quarantine.overridden(context.lake, start=window.start, end=window.end, symbols=symbols)
    report.let_in = let_in if let_in.num_rows else None
    told = "corporate_actions" in context.lake.facts("daily_bars").get("offered", ())
    actions = context.lake.read("corporate_actions", symbols=symbols) if told else None
    read = partial(context.lake.read, "daily_bars", columns=panel.COLUMNS, symbols=symbols)
    past = read(start=window.before(), end=window.start - timedelta(days=1))
    for year in window.years():
        rows = pa.concat_tables([past, read(start=year.start, end=year.end)])
        bars = panel.Panel.of(rows, window.sessions, since=year.start, listed=roll.listed, actions=actions)
        report.examine(bars)
        report.count_missing(gaps.grid(roll, rows, year.inside))
        past = bars.tail()
    report.count_kept_out(context.lake.read("quarantine", start=window.start, end=window.end, symbols=symbols))
    context.lake.note("daily_bars", quality=report.score, **report.facts())
    _tell(context, report)
    reasons = refusals(report, min_coverage)
    reports.keep(context, min_coverage=min_coverage, refusals=reasons, **report.told())
    pass_gate(reasons)
    return Dataset("daily_bars", report.examined, report.score)


def touched(context: OpContext, ready: date, sessions: list[date]) -> Window:
    """The months in which this run staged bars, up to `ready`; the newest sessions of the history when it staged none."""
    staged = [file for file in context.lake.staged() if file["dataset"] == "daily_bars"]
    days = [date.fromisoformat(day) for file in staged for day in (file["min_date"], file["max_date"]) if day]
    first = context.lake.facts("daily_bars").get("history_from", date.min.isoformat())
    back = max(calendar.back(sessions, ready, LOOKBACK_SESSIONS), date.fromisoformat(first))
    return Window(min([*days, ready] if days else [back]), ready, sessions)


def _tell(context: OpContext, report: Report) -> None:
    context.metric("coverage", round(report.coverage, 6))
    context.metric("missing_rows", report.missing)
    for verdict in report.verdicts.values():
        if verdict.failed:
            context.log.warning(
                f"{verdict.check}: {verdict.failed} of {verdict.checked}", policy=verdict.policy, examples=verdict.examples
            )
