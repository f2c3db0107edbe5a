"""What one run hands over to another without publishing it: the files that it staged, kept by trade date for a time.

    <data dir>/scratch/handover/2026-11-20/3/manifest.json, indicators/2026-11-1f0c...parquet, ...
                                           taken.json

A hand-over is made aside and named in one step, so a reader finds it whole or not at all. Its number only grows: the greatest
is the newest, whatever the clocks of those who made them say. Its files are further names of the lake's own files, which
nobody changes, and bear the checksum of their content; the manifest bears one of its own.
"""

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from app import clock, intact
from app.definitions.lake import StagedFile
from app.durable import sync
from app.errors import Unavailable
from app.stocks.lake.parquet import settle

PLACE = Path("scratch") / "handover"
_MANIFEST = "manifest.json"
_TAKEN = "taken.json"


class NoHandover(Unavailable):
    """There is nothing to take over."""

    code = "no_handover"


@dataclass(frozen=True)
class Handover:
    """One hand-over: which run made it, when, until when it holds, and the staged files in it."""

    folder: Path
    trade_date: date
    number: int
    run: str
    made_at: datetime
    expires_at: datetime
    files: list[StagedFile]


def save(data_dir: Path, day: date, files: Sequence[StagedFile], *, run: str, now: datetime, keep_days: int) -> Handover:
    """Keep those files of the lake as the newest hand-over of that trade date; older ones of the same date are gone then."""
    place = data_dir / PLACE / day.isoformat()
    place.mkdir(parents=True, exist_ok=True)
    aside = place / f".{uuid.uuid4().hex}"
    aside.mkdir()
    try:
        for file in files:
            _link(data_dir / "lake" / file["path"], aside / file["path"])
        said = {
            "trade_date": day.isoformat(),
            "run": run,
            "made_at": clock.iso(now),
            "expires_at": clock.iso(now + timedelta(days=keep_days)),
            "files": list(files),
        }
        _write(aside / _MANIFEST, {**said, "checksum": _checksum(said)})
        number = _name(aside, place)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    _remove(place, below=number)
    # Not read back: a newer one may have taken its place by now.
    return Handover(place / str(number), day, number, run, now, now + timedelta(days=keep_days), list(files))


def newest(data_dir: Path, day: date | None, now: datetime) -> Handover:
    """The newest hand-over of a trade date, of None that of the newest date. Raises NoHandover, with what to do."""
    days = [day] if day else sorted(_days(data_dir), reverse=True)
    for one in days:
        place = data_dir / PLACE / one.isoformat()
        while numbers := _numbers(place):
            try:
                found = _open(place / str(numbers[-1]))
            except FileNotFoundError:
                # A newer one has come in between, and this one is gone.
                if _numbers(place) == numbers:
                    raise _broken(one, "is not whole") from None
                continue
            if found.expires_at <= now:
                raise NoHandover(f"The hand-over of {one} has expired at {clock.iso(found.expires_at)}.", hint=_hint(one))
            return found
    raise _none(data_dir, day)


def bring_back(data_dir: Path, handover: Handover) -> None:
    """Put the files where the lake has its own, where they are gone from there. Raises NoHandover for one that is damaged.

    Raises FileNotFoundError when a newer hand-over has replaced this one meanwhile.
    """
    lake = data_dir / "lake"
    for file in handover.files:
        kept, wanted = handover.folder / file["path"], lake / file["path"]
        if not kept.exists():
            raise FileNotFoundError(kept)
        if not intact.is_intact(kept):
            raise _broken(handover.trade_date, f"is damaged: {file['path']} does not hold what was written")
        aside = lake / ".tmp" / f"{kept.stem}-{uuid.uuid4().hex}"
        _link(kept, aside)
        settle(aside, wanted)
        base = file["base"]
        if base is not None and not (lake / base).exists():
            raise _broken(handover.trade_date, f"stands on {base}, which is kept no more")


def mark_taken(handover: Handover, *, run: str, now: datetime) -> None:
    """Note who took it, so that the clean-up knows what was used."""
    taken = {"run": run, "at": clock.iso(now), "number": handover.number}
    _write(handover.folder.parent / _TAKEN, taken)


def last_taken(data_dir: Path) -> date | None:
    """The newest trade date whose hand-over was taken."""
    return max((day for day in _days(data_dir) if _taken(data_dir / PLACE / day.isoformat())), default=None)


def clean(data_dir: Path, day: date) -> int:
    """Take away the hand-over of that date that was taken, and older ones; one that came later stays. How many it were."""
    place = data_dir / PLACE / day.isoformat()
    taken = _taken(place)
    return _remove(place, below=taken["number"] + 1) if taken else 0


def expire(data_dir: Path, now: datetime) -> int:
    """Take away every hand-over whose time is over, and what was left half made a day ago; how many hand-overs it were."""
    gone = 0
    for day in _days(data_dir):
        place = data_dir / PLACE / day.isoformat()
        for number in _numbers(place):
            with contextlib.suppress(FileNotFoundError, NoHandover):
                if _open(place / str(number)).expires_at <= now:
                    gone += _remove(place, below=number + 1)
        for half in place.glob(".*"):
            if half.is_dir() and now.timestamp() - half.stat().st_mtime > timedelta(days=1).total_seconds():
                shutil.rmtree(half, ignore_errors=True)
        taken = _taken(place)
        if not _numbers(place) and (taken is None or now - clock.parse(taken["at"]) > timedelta(days=31)):
            (place / _TAKEN).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                place.rmdir()
    return gone


def _open(folder: Path) -> Handover:
    day = date.fromisoformat(folder.parent.name)
    try:
        said = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        checksum = said.pop("checksum")
    except (ValueError, KeyError, TypeError):
        raise _broken(day, "is damaged") from None
    if checksum != _checksum(said):
        raise _broken(day, "is damaged")
    made, until = clock.parse(said["made_at"]), clock.parse(said["expires_at"])
    return Handover(folder, day, int(folder.name), said["run"], made, until, said["files"])


def _name(aside: Path, place: Path) -> int:
    """Give what was made aside the next number, in one step."""
    for folder in [*(path for path in aside.rglob("*") if path.is_dir()), aside]:
        sync(folder)
    taken = _taken(place)
    number = max([*_numbers(place), taken["number"] if taken else 0], default=0)
    while True:
        number += 1
        try:
            # A folder replaces no folder that has something in it: of two that come at once one takes the next number.
            aside.rename(place / str(number))
        except OSError:
            if not (place / str(number)).exists():
                raise
        else:
            sync(place)
            return number


def _remove(place: Path, *, below: int) -> int:
    gone = [number for number in _numbers(place) if number < below]
    for number in gone:
        # Renamed first: nobody finds half of it.
        away = place / f".{uuid.uuid4().hex}"
        with contextlib.suppress(FileNotFoundError):
            (place / str(number)).rename(away)
            shutil.rmtree(away, ignore_errors=True)
    return len(gone)


def _numbers(place: Path) -> list[int]:
    return sorted(int(path.name) for path in place.glob("*") if path.name.isdecimal())


def _days(data_dir: Path) -> list[date]:
    found = []
    for path in (data_dir / PLACE).glob("????-??-??"):
        with contextlib.suppress(ValueError):
            found.append(date.fromisoformat(path.name))
    return sorted(found)


def _taken(place: Path) -> dict[str, Any] | None:
    try:
        said: dict[str, Any] = json.loads((place / _TAKEN).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return said


def _none(data_dir: Path, day: date | None) -> NoHandover:
    if day is None:
        return NoHandover("There is no hand-over.", hint="openbell run morning_pipeline makes one")
    taken = _taken(data_dir / PLACE / day.isoformat())
    if taken:
        return NoHandover(f"The hand-over of {day} was taken by run {taken['run']} at {taken['at']}.", hint=_hint(day))
    there = ", ".join(one.isoformat() for one in _days(data_dir) if _numbers(data_dir / PLACE / one.isoformat()))
    return NoHandover(f"There is no hand-over of {day}" + (f"; there is one of {there}." if there else "."), hint=_hint(day))


def _broken(day: date, why: str) -> NoHandover:
    return NoHandover(f"The hand-over of {day} {why}.", hint=_hint(day))


def _hint(day: date) -> str:
    return f"openbell run morning_pipeline --date {day} makes one"


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        # A file system without second names.
        shutil.copy2(source, target)
        sync(target)


def _write(path: Path, said: dict[str, Any]) -> None:
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    aside.write_text(json.dumps(said, ensure_ascii=False, indent=1), encoding="utf-8")
    sync(aside)
    aside.replace(path)
    sync(path.parent)


def _checksum(said: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
