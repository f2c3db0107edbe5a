"""What a face may ask of the lake: what its columns mean, and rows of a dataset at a snapshot."""

from datetime import date, datetime
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from app.definitions import query
from app.definitions.encoded import Encoded
from app.errors import Fault, Invalid
from app.stocks import adjusting, dictionary
from app.stocks.adjusting import Adjust
from app.stocks.asking import choose, spec_of
from app.stocks.encoding import Form, encode
from app.stocks.ids import Symbols
from app.stocks.lake.market_lake import market_lake
from app.stocks.lake.page import Place, page
from app.stocks.schema import Spec

READ_SECONDS = 1.5
"""After so long a page ends, however few rows it has: others ask, too."""
_CELLS: dict[Form, int] = {"json": 200_000, "csv": 1_000_000, "arrow": 1_000_000, "parquet": 2_000_000}
"""Values that a page has at most: some ten megabytes, and a second to write them."""


@query
def data_dictionary() -> list[dict[str, Any]]:
    """Every dataset and every column: key, type, unit, meaning in English and Chinese, formula."""
    return [spec.as_dict() for spec in dictionary.DATASETS.values()]


@query
def dataset_entry(context: Any, *, dataset: str, snapshot: int) -> dict[str, Any]:
    """The dictionary's entry of one dataset as a snapshot has it. Raises NotFound with a suggestion."""
    return dict(context.lake_at(snapshot).spec(spec_of(dataset).name).as_dict())


@query
def dataset_page(
    context: Any,
    *,
    dataset: str,
    snapshot: int,
    form: Form,
    limit: Annotated[int, Field(ge=1)],
    whole: bool,
    columns: list[str] | None = None,
    symbols: list[str] | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
    adjust: Adjust = "none",
    after: dict[str, Any] | None = None,
) -> Encoded:
    """A page of rows at a snapshot as bytes; its facts are `rows` and `after`, where the next one begins (null: nowhere).

    It may have fewer rows than `limit`, and none. `whole`: the page is an answer by itself, else it is a part of a CSV or an
    Arrow stream whose first part has no `after`. Raises NotFound, Invalid.
    """
    lake = context.lake_at(snapshot)
    spec = lake.spec(spec_of(dataset).name)
    chosen, choice = choose(lake, spec, columns=columns, symbols=symbols, start=start_date, end=end_date, adjust=adjust)
    read = chosen if adjust == "none" else adjusting.needed(chosen)
    files = lake.files(dataset)
    most = max(1, min(limit, _CELLS[form] // len(chosen)))
    found = page(lake.folder, spec, files, read, choice, after=_place(spec, after), limit=most, seconds=READ_SECONDS)
    rows = adjusting.adjusted(found.rows, adjust, lake.folder, files).select(chosen)
    first, last = whole or after is None, whole or found.after is None
    content = encode(rows, form, first=first, last=last)
    place = found.after and {"partition": found.after.partition, "key": list(found.after.key)}
    return Encoded(content, {"rows": rows.num_rows, "after": place})


_READ = {"date": date.fromisoformat, "datetime": datetime.fromisoformat}


def _place(spec: Spec, after: dict[str, Any] | None) -> Place | None:
    if after is None:
        return None
    partition, key = after.get("partition"), after.get("key")
    try:
        if not isinstance(partition, str) or not isinstance(key, list) or len(key) != len(spec.key):
            raise ValueError
        for name, text in zip(spec.key, key, strict=True):
            _READ[spec.by_name[name].type](text) if spec.by_name[name].type in _READ else text.encode()
    except (AttributeError, TypeError, ValueError):
        raise Invalid("The query is not valid.", faults=[Fault("/query/cursor", f"is no place in {spec.name!r}")]) from None
    return Place(partition, tuple(key))


@query
def dataset_rows(
    context: Any,
    *,
    dataset: str,
    columns: list[str] | None = None,
    symbols: Symbols | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
) -> pa.Table:
    """Rows of a dataset as Arrow, sorted by its key; dates from start_date to end_date, both included."""
    lake = market_lake(context)
    table: pa.Table = lake.read(dataset, columns=columns, symbols=symbols, start=start_date, end=end_date)
    return table


@query
def dataset_preview(context: Any, *, dataset: str, limit: Annotated[int, Field(ge=1, le=1000)] = 20) -> list[dict[str, Any]]:
    """Rows of the dataset's newest date as JSON, the first by key; of one without dates its first rows."""
    lake = market_lake(context)
    day = date.fromisoformat(newest) if (newest := lake.newest_date(dataset)) else None
    rows: list[dict[str, Any]] = lake.read(dataset, start=day, end=day).slice(0, limit).to_pylist()
    return rows
