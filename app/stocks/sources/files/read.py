"""Finding and opening files: the columns that mean something, as the vendor wrote them."""

import csv
import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from app.stocks.sources.files import aliases
from app.stocks.sources.files.fault import BadFile

_SUFFIXES = (".parquet", ".pq", ".csv")
_DELIMITERS = ",\t;|"


def find(pattern: str) -> list[Path]:
    """The files that a path means: itself, those of a folder and its folders, or of a glob (`**` too). Sorted."""
    path = Path(pattern).expanduser()
    if path.is_file():
        return [path]
    names = path.rglob("*") if path.is_dir() else map(Path, glob.iglob(str(path), recursive=True))  # noqa: PTH207  (an absolute glob)
    found = sorted(name for name in names if name.suffix.lower() in _SUFFIXES and name.is_file())
    if not found:
        problem = "no Parquet or CSV file is there" if path.is_dir() else "there is no such file"
        raise BadFile(path, problem, hint="OPENBELL_FILES_PATH names a .parquet or .csv file, a folder of them, or a glob")
    return found


@dataclass(frozen=True)
class Opened:
    """One file's columns that mean something, under the vendor's names; `names`: canonical to (vendor's name, scale)."""

    path: Path
    table: pa.Table
    names: dict[str, tuple[str, float]]
    kind: aliases.Kind


def open_file(path: Path) -> Opened:
    """Read what means something. Raises BadFile."""
    parquet = path.suffix.lower() != ".csv"
    try:
        names = pq.read_schema(path).names if parquet else _header(path)
        kind = aliases.kind_of(names)
        found = aliases.resolve(names, kind)
        _check_names(path, names, found, kind)
        own = list(dict.fromkeys(name for name, _ in found.values()))
        table = pq.read_table(path, columns=own, partitioning=None) if parquet else _read_csv(path, names, own)
    except pa.ArrowException as error:
        form = "Parquet" if parquet else "CSV"
        raise BadFile(path, f"is not a whole {form} file: {_short(error)}", hint=_HINTS[parquet]) from None
    except OSError as error:
        # Arrow also reports a damaged footer or page as an OSError without a number.
        if error.errno is not None:
            raise
        raise BadFile(path, f"is not a whole Parquet file: {_short(error)}", hint=_HINTS[True]) from None
    if not table.num_rows:
        raise BadFile(path, "has no rows", hint="remove it, or export it again")
    return Opened(path, table, found, kind)


_HINTS = {
    True: "it may have been cut while it was copied: copy or export it again",
    False: "it must be UTF-8 text (iconv -f gb18030 -t utf-8), with one header line and as many fields in every row",
}


def _check_names(path: Path, names: Sequence[str], found: dict[str, tuple[str, float]], kind: aliases.Kind) -> None:
    missing = [column for column in kind.required if column not in found]
    if missing:
        known = {column: [alias.name for alias in kind.names if alias.means.column == column] for column in missing}
        wanted = "; ".join(f"{column} (or {', '.join(known[column][1:])})" if known[column][1:] else column for column in missing)
        raise BadFile(path, f"lacks {wanted}; it has {', '.join(names[:40])}", hint="rename the columns: docs/file-source.md")
    for name in (own for own, _ in found.values()):
        if list(names).count(name) > 1:
            raise BadFile(path, "stands there twice", column=name, hint="keep one of the two")


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline()
    except UnicodeDecodeError as error:
        raise BadFile(path, f"is not UTF-8 text: {error}", hint="convert it, as with iconv -f gb18030 -t utf-8") from None
    if not line.strip():
        raise BadFile(path, "is empty", hint="remove it, or export it again")
    return next(csv.reader([line], delimiter=_delimiter(line)))


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def _read_csv(path: Path, names: list[str], own: list[str]) -> pa.Table:
    with path.open(encoding="utf-8-sig", newline="") as file:
        delimiter = _delimiter(file.readline())
    # All as text: leading zeros of ids stay, and a wrong value is found with its row.
    return pacsv.read_csv(
        path,
        read_options=pacsv.ReadOptions(column_names=names, skip_rows=1),
        parse_options=pacsv.ParseOptions(delimiter=delimiter),
        convert_options=pacsv.ConvertOptions(include_columns=own, column_types=dict.fromkeys(own, pa.string())),
    )


def _short(error: Exception) -> str:
    return str(error).split("\n")[0][:200]
