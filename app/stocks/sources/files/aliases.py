"""The names under which vendors deliver a column, what makes its numbers canonical ones, and what tells a file's kind."""

from collections.abc import Sequence
from dataclasses import dataclass

REQUIRED = ("order_book_id", "trade_date", "open", "high", "low", "close", "volume")
"""What a file of bars must have."""


@dataclass(frozen=True)
class Meaning:
    """A canonical column, and the factor that brings the vendor's numbers to its unit."""

    column: str
    scale: float = 1


@dataclass(frozen=True)
class Name:
    """A vendor's name, lower case, for a column. `beside`: only in a file that has that column too."""

    name: str
    means: Meaning
    beside: str = ""


def _plain(column: str, *names: str) -> list[Name]:
    return [Name(name, Meaning(column)) for name in (column, *names)]


# The first name that a file has is taken, so the canonical one goes before all others.
NAMES: tuple[Name, ...] = (
    *_plain("order_book_id", "ts_code", "code", "symbol", "stock_code"),
    *_plain("trade_date", "date", "datetime", "trade_time"),
    *_plain("at", "datetime", "trade_time"),  # of bars of minutes
    *_plain("open"),
    *_plain("high"),
    *_plain("low"),
    *_plain("close"),
    *_plain("prev_close", "pre_close", "preclose"),
    *_plain("volume"),
    Name("vol", Meaning("volume", 100)),  # lots of a hundred shares
    *_plain("total_turnover", "money"),
    Name("amount", Meaning("total_turnover", 1000), beside="ts_code"),  # thousand CNY
    Name("amount", Meaning("total_turnover")),
    Name("turnover_rate", Meaning("turnover_rate", 0.01), beside="ts_code"),  # percent
    *_plain("turnover_rate"),
    Name("turn", Meaning("turnover_rate", 0.01)),  # percent
    *_plain("adj_factor", "ex_cum_factor", "hfq_factor"),
    *_plain("split_factor"),
    *_plain("limit_up", "up_limit", "high_limit"),
    *_plain("limit_down", "down_limit", "low_limit"),
    *_plain("is_suspended", "suspended", "paused"),
    *_plain("trade_status", "tradestatus"),
    *_plain("is_st", "isst"),
    *_plain("name", "stock_name"),
    *_plain("pe_ttm", "pettm", "pe_ratio_ttm"),
    *_plain("pb", "pb_mrq", "pbmrq", "pb_ratio"),
    *_plain("ps_ttm", "psttm", "ps_ratio_ttm"),
    Name("total_mv", Meaning("market_cap", 10_000), beside="ts_code"),  # ten thousand CNY
    *_plain("market_cap"),
)


@dataclass(frozen=True)
class Kind:
    """What a file is about, told by its having a column: the names of its columns, and those that it must have."""

    name: str
    told_by: tuple[str, ...]
    required: tuple[str, ...]
    names: tuple[Name, ...]


_ID = _plain("order_book_id", "ts_code", "code", "symbol", "stock_code")
BARS = Kind("bars", ("close",), REQUIRED, NAMES)
ACTIONS = Kind(
    "corporate_actions",
    ("ex_date",),
    ("order_book_id", "ex_date"),
    (
        *_ID,
        *_plain("ex_date", "ex_dividend_date"),
        *_plain("cash_dividend", "cash_div_tax", "dividend_cash_before_tax"),
        *_plain("split_ratio"),
        *_plain("new_shares", "stk_div"),  # by share held before
    ),
)
CHANGES = Kind(
    "code_changes",
    ("old_id",),
    ("old_id", "order_book_id", "from_date"),
    (
        *_plain("old_id", "old_code", "predecessor"),
        *_plain("order_book_id", "new_code", "successor", "ts_code", "code"),
        *_plain("from_date", "change_date", "effective_date"),
    ),
)
INSTRUMENTS = Kind(
    "instruments",
    ("listed_date", "valid_from"),
    ("order_book_id",),
    (
        *_ID,
        *_plain("valid_from", "start_date"),
        *_plain("name", "stock_name"),
        *_plain("listed_date", "list_date", "ipo_date", "ipodate"),
        *_plain("delisted_date", "delist_date", "de_listed_date", "outdate"),
        *_plain("round_lot"),
        *_plain("is_st", "isst"),
        *_plain("industry", "industry_name"),
    ),
)
KINDS = (BARS, ACTIONS, CHANGES, INSTRUMENTS)
"""In this order: what has prices is a file of bars, whatever else it has."""


def kind_of(names: Sequence[str]) -> Kind:
    """What a file with those columns is about; one of bars when nothing tells."""
    return next((kind for kind in KINDS if any(one in resolve(names, kind) for one in kind.told_by)), BARS)


def resolve(names: Sequence[str], kind: Kind = BARS) -> dict[str, tuple[str, float]]:
    """For each canonical column that the file has: the file's own name of it, and the scale. Case does not matter."""
    own = {name.strip().lower(): name for name in names}
    found: dict[str, tuple[str, float]] = {}
    for alias in kind.names:
        if alias.name in own and (not alias.beside or alias.beside in own):
            found.setdefault(alias.means.column, (own[alias.name], alias.means.scale))
    return found
