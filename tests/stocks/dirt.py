"""Every kind of dirt that is known: what comes, who finds it, what becomes of the row. The document's table is made of it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.stocks.bar_files import Row, row

ONE, DAY = "600000.XSHG", "2026-01-08"
DAYS = ("2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08", "2026-01-09", "2026-01-12")
Edit = Callable[[list[Row]], list[Row]]

ONE_TAKEN = "one row is taken"
KEPT_OUT = "kept out"
MISSING = "missing: asked for again"
SUSPENDED = "a suspended day, without prices"
ADDED = "a suspended day is added, `source = inferred`"
WARNED = "published, with a warning"
FACTOR = "published, with a factor from the reference price"
PUBLISHED = "published"
REFUSED = "the file is refused, by column and row"


@dataclass(frozen=True)
class Kind:
    """`edit` puts it into six days of two names. `found_by`: the checks that name it; empty where it is no fault."""

    what: str
    found_by: str
    becomes: str
    do: str
    edit: Edit
    simulated: str = ""
    """The simulated market's name for it."""


def market() -> list[Row]:
    """Six days of two names without dirt."""
    return [
        row(day, one, prev_close=10.1, volume=1000 * at, total_turnover=10_050.0 * at)
        for at, day in enumerate(DAYS, start=1)
        for one in (ONE, "600004.XSHG")
    ]


def _at(rows: list[Row], day: str = DAY) -> int:
    return next(at for at, one in enumerate(rows) if (one["order_book_id"], one["trade_date"]) == (ONE, day))


def on(**values: object) -> Edit:
    """The row of DAY with these values."""

    def edit(rows: list[Row]) -> list[Row]:
        rows[_at(rows)] |= values
        return rows

    return edit


def twice(**values: object) -> Edit:
    """The row of DAY once more, with these values."""
    return lambda rows: [*rows, {**rows[_at(rows)], **values}]


def without(**later: object) -> Edit:
    """No row on DAY; that of the day after has these values."""

    def edit(rows: list[Row]) -> list[Row]:
        rows[_at(rows, DAYS[4])] |= later
        del rows[_at(rows)]
        return rows

    return edit


def all_rows(**values: object) -> Edit:
    return lambda rows: [{**one, **values} for one in rows]


def _repeated(rows: list[Row]) -> list[Row]:
    rows[_at(rows)] |= {"volume": 3000, "total_turnover": 30_150.0}
    return rows


def _without_reference(rows: list[Row]) -> list[Row]:
    moved = {"open": 14.0, "high": 14.2, "low": 13.9, "close": 14.1, "total_turnover": 56_200.0}
    rows[_at(rows)] |= moved
    return [{name: value for name, value in one.items() if name != "prev_close"} for one in rows]


def _cut(rows: list[Row]) -> list[Row]:
    rows[_at(rows, DAYS[4])] |= _CUT
    return on(**FLAT)(rows)


FLAT = {"open": 10.1, "high": 10.1, "low": 10.1, "close": 10.1, "volume": 0, "total_turnover": 0.0}
_CUT = {"prev_close": 9.1, "open": 9.1, "high": 9.2, "low": 9.0, "close": 9.1, "total_turnover": 45_500.0}

KINDS: tuple[Kind, ...] = (
    Kind("no row, though the name traded", "completeness", MISSING, "nothing; `openbell why` while it lasts",
         without(prev_close=10.3), "lost"),
    Kind("the same row twice", "duplicates", ONE_TAKEN, "nothing", twice(), "duplicate"),
    Kind("two rows that differ", "duplicates, completeness", KEPT_OUT, "`quarantine override` the right one",
         twice(volume=4001), "conflict"),
    Kind("high and low in each other's place", "ohlc, completeness", KEPT_OUT, "`correct` both",
         on(high=9.9, low=10.2), "swapped"),
    Kind("a minus before a price", "positive, completeness", KEPT_OUT, "`correct` it", on(low=-9.9), "negative"),
    Kind("volume in lots where shares are meant", "vwap, completeness", KEPT_OUT,
         "`correct` it; a whole file of lots: name the column `vol`", on(volume=40), "lots"),
    Kind("a suspended day with volume 0 and the last close in all prices", "", SUSPENDED, "nothing", on(**FLAT)),
    Kind("a suspended day with null prices", "", SUSPENDED, "nothing",
         on(open=None, high=None, low=None, close=None, volume=0, total_turnover=0.0)),
    Kind("no row for a suspended day", "", ADDED, "nothing", without()),
    Kind("an ex-right cut that shows when trading resumes", "", FACTOR, "nothing", _cut),
    Kind("low above open by a tenth of a fen, as an index file has it", "ohlc, completeness", KEPT_OUT,
         "`quarantine override`, if it is so", on(low=10.001)),
    Kind("an index, a fund or a bond among shares", "instrument", KEPT_OUT, "nothing", twice(order_book_id="000300.XSHG")),
    Kind("a B-share, in USD or HKD", "instrument", KEPT_OUT, "nothing", twice(order_book_id="900901.XSHG")),
    Kind("a row on a day without trading", "session", KEPT_OUT, "nothing", twice(trade_date="2026-01-10")),
    Kind("a traded day without a price", "nulls, completeness", KEPT_OUT, "`correct` it", on(close=None)),
    Kind("prices that move without any volume", "volume, completeness", KEPT_OUT, "`correct` it, or `quarantine override`",
         on(volume=0)),
    Kind("a price beyond the day's limit", "limits", WARNED, "`correct` it, or `policies`",
         on(high=11.6, total_turnover=45_000.0)),
    Kind("a reference price that is not the last close", "prev_close", WARNED, "`correct` it, or `policies`",
         lambda rows: on(prev_close=10.3)(all_rows(adj_factor=1.0)(rows))),
    Kind("a leap of the price, and no reference price that explains it", "jumps", WARNED, "`correct` it, or `policies`",
         _without_reference),
    Kind("the day before once more", "stale", WARNED, "`correct` it, or `policies`", _repeated),
    Kind("a vendor's 99999.99 and 0 for no limit", "", PUBLISHED, "nothing", all_rows(limit_up=99999.99, limit_down=0)),
    Kind("a day as a spreadsheet writes it, `2026/1/8`", "", PUBLISHED, "nothing", on(trade_date="2026/1/8")),
    Kind("a day as Excel counts it, `46030`", "", REFUSED, "save the column as text", on(trade_date="46030")),
    Kind("a number with a comma, `1,000`", "", REFUSED, "export without separators", on(volume="4,000")),
    Kind("text where a number belongs", "", REFUSED, "export it again", on(close="ten")),
    Kind("a fraction of a share, as adjusted volumes have it", "", REFUSED, "export raw volumes", on(volume=4000.5)),
)  # fmt: skip


def table() -> str:
    """As docs/data-quality.md shows it."""
    said = [(f"{one.what} (simulated: `{one.simulated}`)" if one.simulated else one.what, one) for one in KINDS]
    rows = [f"| {what} | {_named(one.found_by)} | {one.becomes} | {one.do} |" for what, one in said]
    return "\n".join(["| what comes | found by | what becomes of it | what you may do |", "|---|---|---|---|", *rows])


def _named(checks: str) -> str:
    return ", ".join(f"`{one}`" for one in checks.split(", ")) if checks else "-"
