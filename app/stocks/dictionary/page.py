"""docs/data-dictionary.md: the dictionary as a page. `python -m app.stocks.dictionary.page > docs/data-dictionary.md`."""

import sys
from collections.abc import Iterator

from app.stocks import dictionary
from app.stocks.schema import Column, Spec

_HEAD = """# Data dictionary

Made from `app/stocks/dictionary` by `python -m app.stocks.dictionary.page > docs/data-dictionary.md`, and compared with it by a
test: change a column there. The same sentences are the comments in `market.duckdb` and the `dictionary` of
`GET /api/v1/datasets/{name}`. How to read the data: [data.md](data.md).

Prices and volumes are as traded unless a unit says otherwise; [views](data.md) adjust the columns marked *price* (by
`adj_factor`) and *volume* (by `split_factor`). A column without "may be null" never is.
"""


def page() -> str:
    """The page, every dataset with its columns in order."""
    return "\n".join([_HEAD, *(line for spec in dictionary.DATASETS.values() for line in _dataset(spec))])


def _dataset(spec: Spec) -> Iterator[str]:
    yield f"## {spec.name}"
    yield ""
    made = f" Made of {', '.join(spec.made_of)}." if spec.made_of else ""
    cut = f"a file a month by {spec.month_of}" if spec.month_of else "one file"
    yield f"{spec.meaning}. {spec.meaning_zh}。 One row per {', '.join(spec.key)}; {cut}.{made}"
    if spec.grows is not None:
        yield "Besides these columns it has one for each [factor of one's own](factors.md)."
    yield ""
    yield "| column | type | unit | meaning | 含义 | formula |"
    yield "|---|---|---|---|---|---|"
    for column in spec.columns:
        yield _row(column)
    yield ""


def _row(column: Column) -> str:
    kind = column.type + (f", *{column.role}*" if column.role else "") + (", may be null" if column.nullable else "")
    cells = (f"`{column.name}`", kind, column.unit, column.meaning, column.meaning_zh, column.formula)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
