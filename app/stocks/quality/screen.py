"""What a delivery is allowed to put into the lake: rows that may be true, one a key. All others are kept, elsewhere."""

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from app.stocks import bar_keys, dictionary
from app.stocks.arrays import Flags
from app.stocks.quality import rows
from app.stocks.quality.check import DUPLICATES
from app.stocks.quality.gate import QualityGate
from app.stocks.quality.panel import Panel
from app.stocks.quality.quarantine import BARS

_KEY = ("order_book_id", "trade_date")
_PASSES = -1
_TOO_MANY = 10_000


class _Out(NamedTuple):
    """A row that does not pass: which, by what check, why."""

    row: int
    check: str
    why: str


@dataclass(frozen=True)
class Screened:
    """`rows`: at most one a key, sorted. `kept_out`: rows of the dataset quarantine; their occurrences make up the rest."""

    rows: pa.Table
    kept_out: pa.Table

    @property
    def kept_out_rows(self) -> int:
        """How many delivered rows were kept out."""
        return int(sum(self.kept_out.column("occurrences").to_pylist()))


def screen(delivery: pa.Table, sessions: Sequence[date], let_in: Collection[str] = ()) -> Screened:
    """Part a delivery of daily bars: of equal rows with one key one passes, of contradicting ones none.

    Those whose fingerprint is `let_in` pass whatever a check finds. Raises QualityGate at once when most of a large delivery
    is bad.
    """
    delivery = bar_keys.in_order(delivery)
    panel = Panel.of(delivery, sessions)
    found = [check.find(panel) for check in rows.CHECKS if check.find is not None]
    reason = np.full(len(delivery), _PASSES)
    for number in reversed(range(len(found))):
        reason[found[number].checked & found[number].failed] = number
    failed = np.flatnonzero(reason != _PASSES)
    if len(failed) > _TOO_MANY and len(failed) * 2 > len(delivery):
        at = int(failed[0])
        one, day = panel.row(at)
        why = f"{rows.CHECKS[reason[at]].name}: {found[reason[at]].say(at)}"
        raise QualityGate(f"{len(failed)} of {len(delivery)} rows are bad, such as {one} {day}, {why}")
    out = [_Out(int(at), rows.CHECKS[reason[at]].name, found[reason[at]].say(int(at))) for at in failed]
    out = _without(delivery, out, let_in)
    passes = np.ones(len(delivery), dtype=bool)
    passes[[one.row for one in out]] = False
    for group in _repeated(panel, passes):
        differing = _differing(delivery, group)
        why = f"{len(group)} rows for one day differ in {', '.join(differing)}" if differing else "the same row once more"
        double = [_Out(row, DUPLICATES, why) for row in group]
        kept_out = _without(delivery, double, let_in) if differing else double[1:]
        # One a key, however many were let in.
        through = [one for one in double if one not in kept_out][:1]
        for copy in double:
            if copy not in through:
                passes[copy.row] = False
                out.append(copy)
    return Screened(delivery.filter(pa.array(passes)), _quarantine(delivery, out))


def _without(delivery: pa.Table, out: list[_Out], let_in: Collection[str]) -> list[_Out]:
    """Those whose row nobody let in."""
    if not let_in or not out:
        return out
    return [one for one, (fingerprint, _) in zip(out, _fingerprints(delivery, out), strict=True) if fingerprint not in let_in]


def _repeated(panel: Panel, passes: Flags) -> list[list[int]]:
    standing = np.flatnonzero(passes)
    same = (panel.code[standing][1:] == panel.code[standing][:-1]) & (panel.day[standing][1:] == panel.day[standing][:-1])
    groups: list[list[int]] = []
    for at in np.flatnonzero(same):
        if groups and groups[-1][-1] == standing[at]:
            groups[-1].append(int(standing[at + 1]))
        else:
            groups.append([int(standing[at]), int(standing[at + 1])])
    return groups


def _differing(delivery: pa.Table, group: list[int]) -> list[str]:
    first, *others = delivery.take(group).to_pylist()
    return sorted({name for other in others for name in first if first[name] != other[name]})


def _quarantine(delivery: pa.Table, out: Sequence[_Out]) -> pa.Table:
    made: dict[str, dict[str, Any]] = {}
    delivered = delivery.select([*_KEY, "source"]).take(pa.array([one.row for one in out], pa.int64())).to_pylist()
    for one, kept, (fingerprint, text) in zip(out, delivered, _fingerprints(delivery, out), strict=True):
        kept |= {"dataset": BARS, "fingerprint": fingerprint, "check": one.check, "reason": one.why, "row": text}
        made.setdefault(fingerprint, kept | {"occurrences": 0})["occurrences"] += 1
    return pa.Table.from_pylist(list(made.values()), schema=dictionary.get("quarantine").arrow)


def _fingerprints(delivery: pa.Table, out: Sequence[_Out]) -> Iterator[tuple[str, str]]:
    """What a row is known by again, and the row as text."""
    delivered = delivery.take(pa.array([one.row for one in out], pa.int64())).to_pylist()
    for one, row in zip(out, delivered, strict=True):
        text = json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False)
        yield hashlib.sha256(f"{one.check} {text}".encode()).hexdigest()[:20], text


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
