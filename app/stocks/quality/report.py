"""One examination of bars: what each check came to, how complete they are, one number for all."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.stocks import bar_keys, calendar
from app.stocks.gaps import Grid
from app.stocks.quality import actions, neighbours, rows
from app.stocks.quality.check import COMPLETENESS, DUPLICATES, EXAMPLES, Check, Verdict
from app.stocks.quality.panel import Panel
from app.stocks.quality.policies import Policies

CHECKS: tuple[Check, ...] = (
    Check(COMPLETENESS, "every session of a listed name has a row; suspended days are rows", "warn", 3),
    Check(DUPLICATES, "one row a day; of equal rows one is taken, of contradicting ones none", "quarantine", 1),
    *rows.CHECKS,
    *neighbours.CHECKS,
    *actions.CHECKS,
)
DAYS_NAMED = 250
"""Days whose coverage the dataset's facts tell, the newest ones."""


@dataclass
class Report:
    """Verdicts by check. Examine year by year and instrument by instrument: the counts add up."""

    start: date
    end: date
    verdicts: dict[str, Verdict]
    standing: dict[str, int] = field(default_factory=dict)
    """By check: rows in the lake that a check which keeps rows out would not have let in."""
    examined: int = 0
    adjusted: bool = False
    newest: tuple[int, int] = (0, 0)
    """Expected and missing rows of the newest session: many good days must not hide half a delivery."""
    expected_names: set[str] = field(default_factory=set)
    missing_names: set[str] = field(default_factory=set)
    """Instruments of which at least one expected row is not there."""
    let_in: pa.Table | None = None
    """Keys of rows that a person let in: no check that keeps rows out counts them."""
    incomplete: dict[str, float] = field(default_factory=dict)
    """The coverage of every day on which a row is missing."""

    @classmethod
    def begin(cls, start: date, end: date, policies: Policies = Policies()) -> "Report":  # noqa: B008  frozen
        """An empty report on those days, with other policies than the checks' own where they are given."""
        given = policies.given
        verdicts = [Verdict(one.name, given.get(one.name, one.policy), one.weight, one.meaning, one.since) for one in CHECKS]
        return cls(start, end, {one.check: one for one in verdicts})

    def examine(self, panel: Panel) -> None:
        """Run every check over the panel's judged rows."""
        judged = int(np.count_nonzero(panel.judged))
        self.examined += judged
        self.adjusted |= panel.has("adj_factor")
        self.verdicts[DUPLICATES].checked += judged
        own = None if self.let_in is None else ~bar_keys.among(panel.table, self.let_in).to_numpy(zero_copy_only=False)
        for check in CHECKS:
            if check.find is None:
                continue
            found, verdict = check.find(panel), self.verdicts[check.name]
            if check.since is not None:
                found = replace(found, checked=found.checked & (panel.day >= calendar.day_numbers([check.since])[0]))
            if check.policy == "quarantine" and own is not None:
                found = replace(found, failed=found.failed & own)
            before = verdict.failed
            verdict.add(panel, found)
            if check.policy == "quarantine" and verdict.failed > before:
                self.standing[check.name] = self.standing.get(check.name, 0) + verdict.failed - before

    def count_missing(self, grid: Grid) -> None:
        """Add expected and missing cells; the newest missing ones are the examples."""
        verdict, missing = self.verdicts[COMPLETENESS], grid.missing
        verdict.checked += int(np.count_nonzero(grid.expected))
        verdict.failed += int(np.count_nonzero(missing))
        self.expected_names.update(grid.ids[at] for at in np.flatnonzero(grid.expected.any(axis=1)))
        self.missing_names.update(grid.ids[at] for at in np.flatnonzero(missing.any(axis=1)))
        by_day = np.count_nonzero(missing, axis=0)
        for at in np.flatnonzero(by_day):
            part = 1 - by_day[at] / np.count_nonzero(grid.expected[:, at])
            self.incomplete[calendar.day_of(grid.days[at]).isoformat()] = round(float(part), 6)
        if len(by_day):
            self.newest = int(np.count_nonzero(grid.expected[:, -1])), int(by_day[-1])
        for at in np.flatnonzero(by_day)[::-1][:EXAMPLES]:
            names = [grid.ids[n] for n in np.flatnonzero(missing[:, at])[:EXAMPLES]]
            day = calendar.day_of(grid.days[at])
            detail = f"{by_day[at]} missing: {', '.join(names)}{', ...' if by_day[at] > len(names) else ''}"
            verdict.examples.append({"order_book_id": names[0], "trade_date": day.isoformat(), "detail": detail})
        verdict.examples = sorted(verdict.examples, key=lambda one: str(one["trade_date"]), reverse=True)[:EXAMPLES]

    def count_kept_out(self, quarantine: pa.Table) -> None:
        """Add the rows that stand in the dataset quarantine for the examined days."""
        if "overridden_at" in quarantine.column_names:
            quarantine = quarantine.filter(pc.is_null(quarantine.column("overridden_at")))
        newest = quarantine.filter(pc.equal(quarantine.column("dataset"), "daily_bars")).sort_by([("trade_date", "descending")])
        for row in newest.to_pylist():
            verdict = self.verdicts.get(row["check"])
            if verdict is None:
                continue
            verdict.checked += row["occurrences"]
            verdict.failed += row["occurrences"]
            if len(verdict.examples) < EXAMPLES:
                day = row["trade_date"].isoformat() if row["trade_date"] else None
                verdict.examples.append({"order_book_id": row["order_book_id"], "trade_date": day, "detail": row["reason"]})

    @property
    def expected(self) -> int:
        """Rows that the calendar and the listings call for, suspended days included."""
        return self.verdicts[COMPLETENESS].checked

    @property
    def missing(self) -> int:
        """Expected rows that are not there."""
        return self.verdicts[COMPLETENESS].failed

    @property
    def coverage(self) -> float:
        """The part of expected rows that is there; 1 when nothing is expected."""
        return self.verdicts[COMPLETENESS].passed if self.expected else 1.0  # type: ignore[return-value]  # checked > 0 there

    @property
    def score(self) -> float:
        """The weighted mean of what passed, 0..1, over the checks that had something to check."""
        parts = [(one.weight, one.passed) for one in self.verdicts.values() if one.passed is not None]
        return round(sum(weight * passed for weight, passed in parts) / sum(weight for weight, _ in parts), 6) if parts else 1.0

    def told(self) -> dict[str, Any]:
        """Everything that was found, as JSON, for people and pages."""
        newest_expected, newest_missing = self.newest
        return {
            "start_date": self.start.isoformat(),
            "end_date": self.end.isoformat(),
            "examined": self.examined,
            "expected": self.expected,
            "missing": self.missing,
            "coverage": round(self.coverage, 6),
            "newest_expected": newest_expected,
            "newest_missing": newest_missing,
            "missing_instruments": len(self.missing_names),
            "quality": self.score,
            "adjusted": self.adjusted,
            "checks": [{**one.told(), "standing": self.standing.get(one.check, 0)} for one in self.verdicts.values()],
        }

    def facts(self) -> dict[str, Any]:
        """What the dataset's next version says of itself."""
        return {
            "checked_from": self.start.isoformat(),
            "checked_to": self.end.isoformat(),
            "coverage": round(self.coverage, 6),
            "incomplete": dict(sorted(self.incomplete.items())[-DAYS_NAMED:]),
            "adjusted": self.adjusted,
            "checks": [one.as_dict() for one in self.verdicts.values() if one.checked],
        }
