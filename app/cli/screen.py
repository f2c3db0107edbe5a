"""What a command prints: a rich table on a terminal, tab-separated lines in a pipe, JSON when asked."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {
    "succeeded": "green",
    "running": "cyan",
    "failed": "bold red",
    "cancelled": "yellow",
    "skipped": "dim",
    "ok": "green",
    "warning": "yellow",
}
SENTENCES = ("why", "found", "description")
"""Columns whose text is folded on a narrow terminal; an id or a number never is."""
_SENTENCE_WIDTH = 24
_GAP = 2


def is_terminal() -> bool:
    """Whether a person is looking."""
    return sys.stdout.isatty()


def line(text: str = "") -> None:
    """One plain line on stdout, seen at once even through a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"{text}\n")


def complaint(value: Any) -> None:
    """A JSON document on stderr."""
    complain(json.dumps(value, indent=2, ensure_ascii=False))


def document(value: Any) -> None:
    """A JSON document on stdout."""
    line(json.dumps(value, indent=2, ensure_ascii=False))


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, spare: Sequence[str] = ()) -> None:
    """Rows for a person, or for `cut` and `awk` under a line of headers: no value is ever shortened.

    Of the columns `spare`, most wanted first, a narrow terminal shows those for which there is room.
    """
    if is_terminal():
        from rich.console import Console

        console = Console()
        console.print(rich_table(headers, rows, console.width, spare=spare), soft_wrap=True)
        return
    line("\t".join(headers))
    for row in rows:
        line("\t".join(cell(value) for value in row))


def facts(values: Mapping[str, Any]) -> None:
    """Names and values, one a line."""
    width = max(map(len, values)) if is_terminal() else 0
    for name, value in values.items():
        line(f"{name:<{width}}  {cell(value)}" if width else f"{name}\t{cell(value)}")


def rich_table(headers: Sequence[str], rows: Iterable[Sequence[Any]], width: int, *, spare: Sequence[str] = ()) -> "Table":
    """A table whose statuses are coloured, `width` columns wide; only a sentence is ever folded."""
    from rich.table import Table
    from rich.text import Text

    texts = [[cell(value) for value in row] for row in rows]
    widths = {name: _width(name, [row[at] for row in texts]) for at, name in enumerate(headers)}
    shown = _fitting(widths, width, spare)
    made = Table(box=None, padding=(0, _GAP, 0, 0))
    for name in shown:
        folded = name in SENTENCES
        made.add_column(name, no_wrap=not folded, overflow="fold", min_width=None if folded else widths[name])
    for row in texts:
        values = dict(zip(headers, row, strict=True))
        made.add_row(*(Text(values[name], STYLES.get(values[name], "")) for name in shown))
    return made


def _width(name: str, texts: Sequence[str]) -> int:
    """The columns of a terminal that this needs: a sentence can be folded to a few words."""
    from rich.cells import cell_len

    widest = max(map(cell_len, (name, *texts)))
    return min(widest, _SENTENCE_WIDTH) if name in SENTENCES else widest


def _fitting(widths: Mapping[str, int], width: int, spare: Sequence[str]) -> list[str]:
    """The columns to show, in their order."""
    shown = {name for name in widths if name not in spare}
    for name in spare:
        wanted = shown | {name}
        if name in widths and sum(widths[each] + _GAP for each in wanted) <= width:
            shown = wanted
    return [name for name in widths if name in shown]


def cell(value: Any) -> str:
    """A value as text on one line; a dash for nothing."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return " ".join(str(value).split())


def instant(text: str | None) -> str:
    """An instant of the API to the second, in UTC; for a person without its year."""
    if not text:
        return "-"
    return text[5:19].replace("T", " ") if is_terminal() else f"{text[:19]}Z"


def local(text: str | None, zone: str) -> str:
    """An instant of the API to the minute, in that zone, whose name it bears."""
    return f"{datetime.fromisoformat(text).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}" if text else "-"


def size(value: float | None) -> str:
    """Bytes for people: 512 kB, 210 MB, 1.4 GB."""
    if value is None:
        return "-"
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value / 1e3:.0f} kB"


def seconds(value: float | None) -> str:
    """A duration for people: 12 ms, 3.2 s, 4 min 5 s, 1 h 2 min."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
