"""What a command prints: a rich table on a terminal, tab-separated lines in a pipe, JSON when asked."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

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


def document(value: Any) -> None:
    """A JSON document on stdout."""
    line(json.dumps(value, indent=2, ensure_ascii=False))


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Rows for a person, or for `cut` and `awk`: nothing is shortened in a pipe."""
    if is_terminal():
        from rich.console import Console

        Console().print(rich_table(headers, rows, title))
        return
    for row in rows:
        line("\t".join(cell(value) for value in row))


def facts(values: Mapping[str, Any]) -> None:
    """Names and values, one a line."""
    width = max(map(len, values)) if is_terminal() else 0
    for name, value in values.items():
        line(f"{name:<{width}}  {cell(value)}" if width else f"{name}\t{cell(value)}")


def rich_table(headers: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> "Table":
    """A table whose statuses are coloured; only the column `why` is ever folded."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title or None, title_justify="left", box=SIMPLE, pad_edge=False)
    for header in headers:
        made.add_column(header, no_wrap=header != "why")
    for row in rows:
        made.add_row(*(Text(text, STYLES.get(text, "")) for text in map(cell, row)))
    return made


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
    """An instant of the API to the second."""
    return f"{text[:19]}Z" if text else "-"


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
