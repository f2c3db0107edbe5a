"""The names under which vendors deliver a column, and what makes its numbers canonical ones."""

from collections.abc import Sequence
from dataclasses import dataclass

REQUIRED = ("order_book_id", "trade_date", "open", "high", "low", "close", "volume")


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
    *_plain("trade_date", "date", "datetime"),
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
    *_plain("name"),
    *_plain("pe_ttm", "pettm", "pe_ratio_ttm"),
    *_plain("pb", "pb_mrq", "pbmrq", "pb_ratio"),
    *_plain("ps_ttm", "psttm", "ps_ratio_ttm"),
    Name("total_mv", Meaning("market_cap", 10_000), beside="ts_code"),  # ten thousand CNY
    *_plain("market_cap"),
)


def resolve(names: Sequence[str]) -> dict[str, tuple[str, float]]:
    """For each canonical column that the file has: the file's own name of it, and the scale. Case does not matter."""
    own = {name.strip().lower(): name for name in names}
    found: dict[str, tuple[str, float]] = {}
    for alias in NAMES:
        if alias.name in own and (not alias.beside or alias.beside in own):
            found.setdefault(alias.means.column, (own[alias.name], alias.means.scale))
    return found
