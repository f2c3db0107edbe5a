"""Is everything there that the database speaks of, and does what it says agree with itself: questions, changing nothing."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import CheckConstraint, ColumnElement, Connection, Select, and_, func, or_, select, text

from app.errors import Damaged
from app.store import identity, lake, migrate, revival
from app.store.database import Database
from app.store.status import RunStatus
from app.store.tables import (
    dataset_files,
    dataset_versions,
    definitions,
    files,
    metadata,
    runs,
    slots,
    snapshots,
    steps,
    transitions,
    versions,
    workers,
)

_SHOWN = 5
RESTORE = "Go back to a backup: `openbell db restore`."
REPORT = "Please report this with the output: the service should never have let it happen. " + RESTORE
FUNDAMENTAL = ("integrity", "schema")
"""Checks without which no other can be made."""

_IN_USE = files.c.id.in_(select(dataset_files.c.file_id))
NAMED_FILES = select(files.c.path, files.c.bytes, files.c.rows).where(_IN_USE).order_by(files.c.path)


class NamedFile(NamedTuple):
    """A file of the lake as it was published; the path is relative to the lake."""

    path: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Checked:
    """One question: what it looked at, what was wrong (empty: nothing), and what to do about that."""

    check: str
    looked_at: str
    wrong: tuple[str, ...] = ()
    hint: str = ""


def database(opened: Database) -> Iterator[Checked]:
    """Every check of the database itself; no further one after one of FUNDAMENTAL that failed."""
    try:
        with opened.read() as connection:
            if opened.is_sqlite:
                yield (pages := _pages(connection))
                if pages.wrong:
                    return
                yield _references(connection)
            known = migrate.revision(connection)
            wrong = [] if known == migrate.HEAD else [f"schema {known or 'none'}; this version has {migrate.HEAD}"]
            yield told("schema", f"schema {known}", wrong, "Run `openbell db migrate`, or the version of Openbell that made it.")
            if not wrong:
                yield from (check(connection) for check in _CHECKS)
    except Damaged as error:
        yield Checked("integrity", "every page and index", (error.detail,), RESTORE)


def _pages(connection: Connection) -> Checked:
    said = (str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(20)")))
    # A rule that a row breaks is named by `_constraints`, and keeps no other check from being made.
    found = [line for line in said if "CHECK constraint failed" not in line] or ["ok"]
    return told("integrity", "every page and index", [] if found == ["ok"] else found, RESTORE)


def _references(connection: Connection) -> Checked:
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    return told("foreign keys", "every reference", [f"{row[0]} row {row[1]}: no such {row[2]}" for row in broken], REPORT)


def lake_files(opened: Database, folder: Path) -> Checked:
    """Whether every file that a snapshot names is there with its size."""
    named = named_files(opened)
    wrong = [sentence for row in named if (sentence := _missing(folder / row.path, row.path, row.bytes))]
    return told("lake", f"{len(named)} files of {folder}", wrong, put_back(folder))


def lake_identity(opened: Database, data_dir: Path) -> Checked:
    """Whether the lake is this database's, and readers are shown nothing that it does not know."""
    with opened.read() as connection:
        foreign = identity.fault(connection, data_dir)
        shown, newest = revival.shown(data_dir), lake.newest(connection)
    later = f"readers are shown snapshot {shown}; the newest that the database knows is {newest}" if shown > newest else None
    return told("identity", f"database and {data_dir / 'lake'}", [wrong for wrong in (foreign, later) if wrong], RESTORE)


def named_files(opened: Database) -> list[NamedFile]:
    """Every file of the lake that a snapshot names."""
    with opened.read() as connection:
        return [NamedFile(*row) for row in connection.execute(NAMED_FILES)]


def put_back(folder: Path) -> str:
    """What to do about files that are not as they were."""
    return (
        f"Put these files back from a copy of {folder}, under the same names; a run or reader of a snapshot that names them "
        "fails until then. Without a copy, sync again into an empty data dir."
    )


def _missing(file: Path, name: str, size: int) -> str | None:
    try:
        found = file.stat().st_size
    except OSError as error:
        return f"{name}: {error.strerror}"
    return None if found == size else f"{name} has {found} bytes; {size} were written"


def told(check: str, looked_at: str, wrong: list[str], hint: str) -> Checked:
    """What a check found, the first few of many."""
    more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    return Checked(check, looked_at, (*wrong[:_SHOWN], *more), hint if wrong else "")


def _constraints(connection: Connection) -> Checked:
    wrong, number = [], 0
    for table in metadata.sorted_tables:
        for rule in sorted((rule for rule in table.constraints if isinstance(rule, CheckConstraint)), key=lambda r: str(r.name)):
            number += 1
            refused = connection.execute(
                select(func.count()).select_from(table).where(text(f"NOT ({rule.sqltext})"))
            ).scalar_one()
            if refused:
                wrong.append(f"{table.name}: {refused} rows break {rule.name}")
    return told("constraints", f"{number} rules", wrong, REPORT)


def _listed(connection: Connection, query: Select[tuple[str]], sentence: str) -> list[str]:
    return [f"{row[0]} {sentence}" for row in connection.execute(query)]


def _runs(connection: Connection) -> Checked:
    total = connection.execute(select(func.count()).select_from(runs)).scalar_one()
    own = select(transitions.c.to_status).where(transitions.c.subject == "run", transitions.c.name == runs.c.id)
    newest = own.order_by(transitions.c.seq.desc()).limit(1).correlate(runs).scalar_subquery()
    wrong = _listed(connection, select(runs.c.id).where(~_has(steps.c.run_id == runs.c.id)), "has no steps")
    wrong += _listed(connection, select(runs.c.id).where(newest.is_(None)), "has no transition")
    wrong += _listed(connection, select(runs.c.id).where(newest != runs.c.status), "is not what its last transition says")
    open_steps = and_(steps.c.run_id == runs.c.id, steps.c.finished_at.is_(None))
    ended = select(runs.c.id).where(runs.c.finished_at.is_not(None), _has(open_steps))
    return told("runs", f"{total} runs", wrong + _listed(connection, ended, "has ended, and a step of it has not"), REPORT)


def _has(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(1).where(condition).correlate(runs, snapshots, definitions, dataset_versions).exists()


def _slots(connection: Connection) -> Checked:
    needed = {
        (row.id, row.attempt): Counter(row.pools)
        for row in connection.execute(select(runs.c.id, runs.c.attempt, runs.c.pools).where(runs.c.status == RunStatus.running))
    }
    held: dict[tuple[str, int], Counter[str]] = {}
    for row in connection.execute(select(slots.c.pool, slots.c.run_id, slots.c.attempt).where(slots.c.run_id.is_not(None))):
        held.setdefault((row.run_id, row.attempt), Counter())[row.pool] += 1
    wrong = [f"{run} attempt {n} holds {dict(held[run, n])} and is not running" for run, n in held.keys() - needed.keys()]
    wrong += [
        f"{run} attempt {n} runs with {dict(held.get((run, n), {}))} of {dict(pools)}"
        for (run, n), pools in needed.items()
        if held.get((run, n), Counter()) != pools
    ]
    return told("slots", f"{len(needed)} running runs, {len(held)} that hold slots", sorted(wrong), REPORT)


def _workers(connection: Connection) -> Checked:
    living = select(workers.c.id).where(workers.c.stopped_at.is_(None))
    lost = select(runs.c.id).where(runs.c.status == RunStatus.running, runs.c.worker.not_in(living))
    hint = "The next worker that looks hands them back: start a service."
    return told("workers", "who executes what", _listed(connection, lost, "is executed by a worker that is gone"), hint)


def _snapshots(connection: Connection) -> Checked:
    known = connection.execute(select(func.max(snapshots.c.snapshot))).scalar() or 0
    said = lake.newest(connection)
    wrong = [] if known == said else [f"the lake is at snapshot {said}; the newest that is known is {known}"]
    ownerless = and_(snapshots.c.run_id.is_not(None), ~_has(runs.c.id == snapshots.c.run_id))
    numbers = connection.execute(select(snapshots.c.snapshot).where(or_(ownerless, _nobodys()))).scalars()
    wrong += [f"snapshot {number} was published by a run that is not there" for number in numbers]
    filed = and_(
        dataset_files.c.dataset == dataset_versions.c.dataset, dataset_files.c.from_version <= dataset_versions.c.version
    )
    bare = select(dataset_versions.c.dataset, dataset_versions.c.version).where(dataset_versions.c.rows > 0, ~_has(filed))
    wrong += [f"{row.dataset} version {row.version} has rows and no file" for row in connection.execute(bare)]
    return told("snapshots", f"{known} snapshots", wrong, REPORT)


def _nobodys() -> ColumnElement[bool]:
    return and_(snapshots.c.kind == "publish", snapshots.c.run_id.is_(None))


def _definitions(connection: Connection) -> Checked:
    total = connection.execute(select(func.count()).select_from(definitions)).scalar_one()
    same = and_(*(versions.c[name] == definitions.c[name] for name in ("kind", "name", "version")))
    query = select(definitions.c.kind, definitions.c.name).where(~_has(same))
    wrong = [f"{row.kind} {row.name}: its newest version is not there" for row in connection.execute(query)]
    return told("definitions", f"{total} definitions", wrong, REPORT)


_CHECKS: tuple[Callable[[Connection], Checked], ...] = (_constraints, _runs, _slots, _workers, _snapshots, _definitions)
