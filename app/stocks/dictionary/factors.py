"""Factors of one's own: a column for each that the lake has values of; which these are stands in the dataset's facts."""

from collections.abc import Mapping
from typing import Any

from app.stocks.dictionary.market import ORDER_BOOK_ID, TRADE_DATE
from app.stocks.schema import Column, Spec

MARK = "factor:"
"""What a fact's name begins with that tells of a factor. One fact each, so that two runs' factors never replace each other."""


def told(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the facts tell of each factor that has a column: version, kind, inputs, lookback, meaning, made_from."""
    return {name.removeprefix(MARK): dict(fact) for name, fact in sorted(facts.items()) if name.startswith(MARK)}


def _columns(facts: Mapping[str, Any]) -> tuple[Column, ...]:
    return tuple(
        Column(
            name,
            "float",
            "",
            fact["meaning"],
            f"自定义因子{name}",
            f"{fact['kind']} of {', '.join(fact['inputs'])}, version {fact['version']}",
            version=fact["version"],
        )
        for name, fact in told(facts).items()
    )


FACTORS = Spec(
    "factors",
    "Factors of one's own, of every instrument and traded day; null before their lookback",
    "自定义因子（仅交易日）",
    key=("order_book_id", "trade_date"),
    made_of=("daily_bars", "indicators"),
    columns=(ORDER_BOOK_ID, TRADE_DATE),
    grows=_columns,
)
