"""Overrides as CSV: what a spreadsheet saves, `date,session,reason`."""

import csv
from collections.abc import Iterator
from typing import Any

from app.definitions.faults import Faults

COLUMNS = ("date", "session", "reason")
_WORDS = {"true": True, "yes": True, "1": True, "open": True, "false": False, "no": False, "0": False, "closed": False}


def read_csv(text: str, faults: Faults) -> list[tuple[int, dict[str, Any]]]:
    """Each line's number in the file and its override; a fault at `/lines/1` when the header is another."""
    lines = csv.reader(text.removeprefix("\ufeff").splitlines(), strict=True)
    try:
        return list(_rows(lines, faults))
    except csv.Error as error:
        faults.add(("lines", lines.line_num), f"is no CSV: {error}")
        return []


def _rows(lines: Any, faults: Faults) -> Iterator[tuple[int, dict[str, Any]]]:
    header = [name.strip().lower() for name in next(lines, [])]
    if sorted(header) != sorted(COLUMNS):
        faults.add(("lines", 1), f"must be the header {','.join(COLUMNS)}, not {','.join(header)[:60] or 'nothing'}")
        return
    for cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            faults.add(("lines", lines.line_num), f"has {len(cells)} cells, not {len(header)}")
            continue
        row: dict[str, Any] = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        # What is no word of these stays a text, and is refused where every override is.
        row["session"] = _WORDS.get(row["session"].lower(), row["session"])
        yield lines.line_num, row
