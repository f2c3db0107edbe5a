"""export_data: what is published as one DuckDB file, a folder of Parquet, or of CSV, below `exports` in the data dir."""

import re
from datetime import date

from app.definitions import OpContext, op
from app.definitions.names import suggestion
from app.errors import Invalid
from app.stocks import dictionary
from app.stocks.ids import Symbols
from app.stocks.lake.market_lake import market_lake
from app.stocks.lake.page import Choice
from app.stocks.moving.export import Form, export

FOLDER = "exports"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", re.ASCII)
_ALL = tuple(name for name in dictionary.DATASETS if name != "quarantine")


@op(timeout_seconds=3600, tags={"effects": "writes files outside the lake"})
def export_data(
    context: OpContext,
    *,
    name: str,
    form: Form = "duckdb",
    datasets: list[str] | None = None,
    symbols: Symbols | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
) -> dict[str, int]:
    """Write what is published to `exports/<name>`, whole or not at all; how many rows of each dataset.

    A file of its own for `duckdb`, else a folder. Default: every dataset but quarantine. Dates and symbols narrow those that
    have such. Raises AlreadyExists, Invalid.
    """
    if not _NAME.fullmatch(name) or name.endswith((".wal", ".tmp")):
        hint = "letters, digits, _, - and ., at most 100; not .wal or .tmp, which DuckDB would take for its own"
        raise Invalid(f"{name[:100]!r} cannot be a file's name here", hint=hint)
    if unknown := [one for one in datasets or () if one not in dictionary.DATASETS]:
        raise Invalid(f"there is no dataset {unknown[0]!r}{suggestion(unknown[0], dictionary.DATASETS)}")
    if start_date and end_date and start_date > end_date:
        raise Invalid(f"end_date {end_date} lies before start_date {start_date}")
    lake = market_lake(context)
    known = set(lake.read("instruments", columns=["order_book_id"]).column("order_book_id").to_pylist())
    if strangers := [one for one in symbols or () if known and one not in known]:
        raise Invalid(f"there is no instrument {strangers[0]!r}{suggestion(strangers[0], known)}")
    folder = context.data_dir / FOLDER
    folder.mkdir(exist_ok=True)
    chosen = list(dict.fromkeys(datasets)) if datasets else list(_ALL)
    rows = export(folder / name, form, lake, chosen, Choice(start_date, end_date, symbols))
    context.metric("snapshot", lake.snapshot["snapshot"])
    context.metric("rows", sum(rows.values()))
    context.log.info(f"Exported to {folder / name}", snapshot=lake.snapshot["snapshot"], **rows)
    return rows
