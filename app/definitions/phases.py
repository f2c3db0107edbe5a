"""The phases of a date as a document says them: those of its one session, or of each of several."""

import re
from datetime import timedelta
from typing import Any

from app.definitions.faults import Faults, Path, shown
from app.definitions.names import suggestion
from app.definitions.sessions import AFTER_HOURS, AUCTION, CLOSING_AUCTION, CONTINUOUS, Phase

NAMES = (AUCTION, CONTINUOUS, CLOSING_AUCTION, AFTER_HOURS)
EXAMPLE = '["continuous", "09:30", "11:30"]'
SESSIONS_LIMIT, PHASES_LIMIT = 6, 12
EARLIEST_DAY = -3
"""A Monday's night session may begin on Friday."""

Plain = list[list[Any]]
"""A session's phases in their JSON form."""

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


def read_phases(said: object, faults: Faults, path: Path) -> list[Plain]:
    """The phases of each session of a date, with a fault for each that is not one, or begins before another ended."""
    if not isinstance(said, list) or not said or isinstance(said[0], str):
        faults.add(path, f"must be a list of phases, such as [{EXAMPLE}], not {shown(said)}")
        return []
    several = all(isinstance(part, list) and part and isinstance(part[0], list) for part in said)
    parts = [((*path, at), part) for at, part in enumerate(said)] if several else [(path, said)]
    if len(parts) > SESSIONS_LIMIT:
        faults.add(path, f"has {len(parts)} sessions; a date may have {SESSIONS_LIMIT}")
        return []
    before, found = timedelta(days=EARLIEST_DAY - 1), list[Plain]()
    for place, part in parts:
        phases, before = _session(part, before, faults, place)
        found.append(phases)
    return found


def _session(said: list[Any], before: timedelta, faults: Faults, path: Path) -> tuple[Plain, timedelta]:
    """The phases of a session that follows what ended at `before`, and when its last one ends."""
    if len(said) > PHASES_LIMIT:
        faults.add(path, f"has {len(said)} phases; a session may have {PHASES_LIMIT}")
        return [], before
    phases: Plain = []
    for at, raw in enumerate(said):
        phase = _phase(raw, faults, (*path, at))
        if phase is None:
            continue
        begins, ends = phase.within()
        if begins < before:
            faults.add((*path, at), f"{shown(raw)} begins before the phase in front of it has ended")
        before = max(before, ends)
        phases.append(phase.plain())
    return phases, before


def _phase(raw: object, faults: Faults, path: Path) -> Phase | None:
    if not isinstance(raw, list) or len(raw) not in (3, 4):
        faults.add(path, f"must be a name and two times, such as {EXAMPLE}, not {shown(raw)}")
        return None
    problems = [
        (at, f"must be a time from 00:00 to 23:59, not {shown(raw[at])}")
        for at in (1, 2)
        if not isinstance(raw[at], str) or not _TIME.fullmatch(raw[at])
    ]
    if raw[0] not in NAMES:
        near = suggestion(raw[0], NAMES) if isinstance(raw[0], str) else ""
        problems.append((0, f"must be one of {', '.join(NAMES)}, not {shown(raw[0])}{near}"))
    if not problems and raw[1] == raw[2]:
        problems.append((2, "must not be the time at which it begins"))
    if len(raw) == 4 and (type(raw[3]) is not int or not EARLIEST_DAY <= raw[3] <= 0):
        problems.append((3, f"must be the day on which it begins, from {EARLIEST_DAY} (three before) to 0, not {shown(raw[3])}"))
    for at, message in problems:
        faults.add((*path, at), message)
    return None if problems else Phase.of(raw)
