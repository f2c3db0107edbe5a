"""Which of a file's columns means what: by the names that vendors use, or by a map; a map is proposed where names are unknown."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.definitions.faults import Faults
from app.errors import Invalid
from app.stocks.sources.files import aliases

Unit = Literal["shares", "lots", "CNY", "thousand CNY", "ten thousand CNY", "0..1", "percent"]
SCALES: dict[Unit, float] = {
    "shares": 1, "lots": 100, "CNY": 1, "thousand CNY": 1000, "ten thousand CNY": 10_000, "0..1": 1, "percent": 0.01,
}  # fmt: skip
UNITS: dict[str, tuple[Unit, ...]] = {
    "volume": ("shares", "lots"),
    "total_turnover": ("CNY", "thousand CNY", "ten thousand CNY"),
    "turnover_rate": ("0..1", "percent"),
    "market_cap": ("CNY", "ten thousand CNY"),
}
COLUMNS = tuple(dict.fromkeys(name.means.column for name in aliases.NAMES if name.means.column != "at"))
"""What a column may mean."""

# What screens and spreadsheets write; only ever proposed, never taken by itself.
_SPOKEN: dict[str, tuple[str, ...]] = {
    "order_book_id": ("代码", "股票代码", "证券代码", "代號", "ticker", "secid", "wind_code", "windcode", "s_info_windcode"),
    "trade_date": ("日期", "交易日期", "时间", "交易日", "trade_dt", "tradedate", "day", "dt"),
    "open": ("开盘", "开盘价", "开", "s_dq_open", "open_price"),
    "high": ("最高", "最高价", "高", "s_dq_high", "high_price"),
    "low": ("最低", "最低价", "低", "s_dq_low", "low_price"),
    "close": ("收盘", "收盘价", "收", "s_dq_close", "close_price"),
    "prev_close": ("昨收", "前收盘", "前收盘价", "昨收盘", "昨收价", "s_dq_preclose"),
    "volume": ("成交量", "成交股数", "总手", "s_dq_volume", "turnover_vol"),
    "total_turnover": ("成交额", "成交金额", "s_dq_amount", "turnover_value"),
    "turnover_rate": ("换手率", "换手"),
    "adj_factor": ("复权因子", "后复权因子", "s_dq_adjfactor", "accum_adj_factor"),
    "limit_up": ("涨停价", "涨停"),
    "limit_down": ("跌停价", "跌停"),
    "is_suspended": ("停牌", "是否停牌"),
    "is_st": ("是否st",),
    "name": ("名称", "股票名称", "证券简称", "简称"),
}
_NEAR = 0.8


class Named(BaseModel):
    """A column of one's own, and the unit of its numbers."""

    model_config = ConfigDict(extra="forbid")

    column: Annotated[str, Field(min_length=1)]
    unit: Unit | None = None


ColumnMap = dict[str, str | Named]
"""The param `columns`: what is meant (a column of docs/data-dictionary.md) to the file's own name of it."""


@dataclass(frozen=True)
class Mapped:
    """What a file's column is called, the scale of its numbers, and whether somebody said so or the name alone does."""

    own: str
    scale: float
    told: bool


def mapped(names: Sequence[str], given: ColumnMap | None) -> dict[str, Mapped]:
    """Each meaning's column. A map adds to what the names tell, and overrides it.

    Raises Invalid for a map that does not fit (`/params/columns/...`), and, with a proposal as hint, for names that lack
    something needed.
    """
    # A date with a time of day is a date here; the bars of minutes have another way in.
    found = {column: Mapped(own, scale, told=False) for column, (own, scale) in aliases.resolve(names).items() if column != "at"}
    faults = Faults()
    for column, said in (given or {}).items():
        named = Named(column=said) if isinstance(said, str) else said
        at = ("params", "columns", column)
        if column not in COLUMNS:
            faults.add(at, f"is no column of daily_bars{faults.others(column, COLUMNS)}")
        elif named.column not in names:
            faults.add(at, f"the file has no column {named.column!r}{faults.others(named.column, names)}")
        elif named.unit is not None and named.unit not in UNITS.get(column, ()):
            faults.add(at, f"is not in {named.unit}; {column} is in {' or '.join(UNITS.get(column, ('no unit of choice',)))}")
        else:
            scale = SCALES[named.unit] if named.unit else found[column].scale if _same(found, column, named.column) else 1
            found[column] = Mapped(named.column, scale, told=named.unit is not None)
    faults.finish("The map does not fit the file.", hint=f"the file's columns are {', '.join(names)}")
    if lacking := [column for column in aliases.BARS.required if column not in found]:
        raise Invalid(
            f"No column is known to be {', '.join(lacking)}; the file has {', '.join(names)}.",
            hint=f"say it with a map; from the names it might be {_written(proposed(names, found))}",
        )
    return found


def proposed(names: Sequence[str], found: Mapping[str, Mapped]) -> dict[str, str]:
    """A map for what the names do not tell: by what screens and spreadsheets write, or by likeness."""
    free = [name for name in names if name not in {one.own for one in found.values()}]
    made: dict[str, str] = {}
    for column in (one for one in COLUMNS if one not in found):
        words = (column, *_SPOKEN.get(column, ()), *(name.name for name in aliases.NAMES if name.means.column == column))
        own = next((name for word in words for name in free if _plain(name) == word), None)
        own = own or next((name for name in free for _ in difflib.get_close_matches(_plain(name), words, 1, _NEAR)), None)
        if own is not None:
            made[column] = own
            free.remove(own)
    return made


def _plain(name: str) -> str:
    # 成交量(手), 收盘价（元）: the unit in brackets is no part of the name.
    return name.strip().lower().replace("（", "(").partition("(")[0].strip()


def _same(found: Mapping[str, Mapped], column: str, own: str) -> bool:
    return column in found and found[column].own == own


def _written(proposal: Mapping[str, Any]) -> str:
    return json.dumps(dict(proposal), ensure_ascii=False) if proposal else "(nothing in them is known)"
