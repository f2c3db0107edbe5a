"""Reading what somebody has: Parquet, CSV in the encodings of Chinese spreadsheets, a table of a DuckDB file."""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from app.definitions.names import suggestion
from app.stocks.sources.files.fault import BadFile

SUFFIXES = (".parquet", ".pq", ".csv", ".txt")
DATABASES = (".duckdb", ".db", ".ddb")
_DELIMITERS = ",\t;|"
_CHUNK = 2**20
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class Brought:
    """One file or table as it is: all its columns; text for a CSV. `encoding`: empty where there is none."""

    path: Path
    table: pa.Table
    encoding: str = ""


def bring(path: Path, table: str | None) -> Iterator[Brought]:
    """What a file, a folder of files, or a table of a DuckDB file holds. Raises BadFile."""
    if path.is_dir():
        names = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
        if not names:
            raise BadFile(path, "no Parquet or CSV file is there")
        for name in names:
            yield from bring(name, None)
        return
    suffix = path.suffix.lower()
    if table is not None or suffix in DATABASES:
        yield Brought(path, _table(path, table))
    elif suffix in (".parquet", ".pq"):
        try:
            yield Brought(path, pq.read_table(path, partitioning=None))
        except (pa.ArrowException, OSError) as error:
            raise BadFile(path, f"is not a whole Parquet file: {_short(error)}", hint="copy or export it again") from None
    elif suffix in SUFFIXES:
        yield _csv(path)
    else:
        raise BadFile(path, f"{suffix or 'a file without an ending'} is not read", hint="save it as .csv or .parquet")


def _table(path: Path, name: str | None) -> pa.Table:
    # Nothing but this file: a view in it must not read another of this host's.
    shut: dict[str, str | bool | int | float | list[str]] = {"enable_external_access": "false"}
    try:
        with duckdb.connect(str(path), read_only=True, config=shut) as connection:
            rows = connection.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall()
            known = [one for (one,) in rows]
            if name is None or name not in known:
                there = f"it has {', '.join(known) or 'none'}"
                said = f"has no table {name!r}{suggestion(name, known)} ({there})" if name else f"name a table of it: {there}"
                raise BadFile(path, said, hint=f"openbell import daily_bars {path.name}:{known[0] if known else 'TABLE'}")
            quoted = name.replace('"', '""')
            return connection.execute(f'SELECT * FROM "{quoted}"').to_arrow_table()
    except duckdb.Error as error:
        raise BadFile(path, f"DuckDB cannot read it: {_short(error)}") from None


def _csv(path: Path) -> Brought:
    encoding = encoding_of(path)
    with path.open(encoding=encoding, newline="") as file:
        line = file.readline()
    if not line.strip():
        raise BadFile(path, "is empty")
    delimiter = max(_DELIMITERS, key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise BadFile(path, "stands there twice", column=twice[0], hint="keep one of the two")
    try:
        table = pacsv.read_csv(
            path,
            read_options=pacsv.ReadOptions(column_names=names, skip_rows=1, encoding=encoding.removesuffix("-sig")),
            parse_options=pacsv.ParseOptions(delimiter=delimiter),
            # All as text: leading zeros of ids stay, and a wrong value is found with its row.
            convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowException as error:
        hint = "it must have one header line and the same number of fields in every row"
        raise BadFile(path, f"is not a whole CSV file: {_short(error)}", hint=hint) from None
    return Brought(path, table, encoding)


def encoding_of(path: Path) -> str:
    """utf-8 (with its mark: utf-8-sig), utf-16 by its mark, or gb18030, which GBK and GB2312 are parts of. Raises BadFile."""
    with path.open("rb") as file:
        start = file.read(3)
    marked = [name for mark, name in _MARKS.items() if start.startswith(mark)]
    for name in marked or ("utf-8", "gb18030"):
        if _decodes(path, name):
            return name
    raise BadFile(path, "is neither UTF-8 nor GB18030 text", hint="save it as CSV UTF-8")


def _decodes(path: Path, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _short(error: Exception) -> str:
    return str(error).split("\n")[0][:200]
