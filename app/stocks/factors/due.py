"""What of the factors must be calculated: those that are new or whose code changed whole, else what their inputs' change asks."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from app.stocks.dictionary.factors import MARK, told
from app.stocks.factors.declare import Factor
from app.stocks.factors.inputs import bar_columns, indicator_columns
from app.stocks.indicators.touched import Touched, since_changes
from app.stocks.lake import origin
from app.stocks.lake.market_lake import MarketLake

State = Literal["new", "stale", "behind", "current", "orphaned"]


@dataclass(frozen=True)
class Group:
    """Factors of one kind that are in the same state, and so are calculated in one pass. `made`: from which files; None: none."""

    factors: tuple[Factor, ...]
    made: dict[str, dict[str, str]] | None
    """None: of older code, or of nothing yet, so that every row is due."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that any of them takes."""
        return tuple(dict.fromkeys(name for factor in self.factors for name in factor.inputs))

    @property
    def names(self) -> list[str]:
        """The factors' names."""
        return [factor.name for factor in self.factors]


def groups(lake: MarketLake, factors: Iterable[Factor]) -> list[Group]:
    """The factors that are not current, in as few groups as can be; those over time first."""
    facts, now = told(lake.facts("factors")), sources(lake)
    found: dict[tuple[str, str], list[Factor]] = {}
    for one in factors:
        fact = facts.get(one.name)
        if state(one, fact, now) != "current":
            made = fact.get("made_from") if fact and fact["version"] == one.version else None
            found.setdefault((one.kind, json.dumps(made, sort_keys=True)), []).append(one)
    ordered = sorted(found.items(), key=lambda item: (item[0][0] != "time_series", item[0][1]))
    return [Group(tuple(members), json.loads(made)) for (_, made), members in ordered]


def state(factor: Factor | None, fact: dict[str, Any] | None, now: dict[str, dict[str, str]]) -> State:
    """How a factor's column stands to its code and to its inputs, `now` being their files."""
    if factor is None:
        return "orphaned"
    if fact is None or not fact.get("made_from"):
        return "new"
    if fact["version"] != factor.version:
        return "stale"
    read = ["daily_bars", *(["indicators"] if indicator_columns(factor.inputs) else [])]
    return "current" if all(fact["made_from"].get(name) == now[name] for name in read) else "behind"


def sources(lake: MarketLake) -> dict[str, dict[str, str]]:
    """The hashes of the files that factors are made from."""
    return {name: origin.stamps(lake.files(name)) for name in ("daily_bars", "indicators")}


def touched(lake: MarketLake, group: Group) -> Touched:
    """Which instruments' values must be calculated again, and from which day on."""
    if group.made is None:
        return Touched(whole=True)
    key = ["order_book_id", "trade_date"]
    found = since_changes(lake, "daily_bars", group.made["daily_bars"], [*key, *bar_columns(group.inputs)])
    if columns := indicator_columns(group.inputs):
        found = found.with_(since_changes(lake, "indicators", group.made["indicators"], [*key, *columns]).since)
    return found


def gone(lake: MarketLake) -> pa.Table | None:
    """Keys that have factors and are no longer days with trading, whichever factor was made when they were."""
    facts = told(lake.facts("factors"))
    made = {json.dumps(fact["made_from"]["daily_bars"], sort_keys=True) for name, fact in facts.items() if fact.get("made_from")}
    pieces = []
    for stamps in made:
        columns = ["order_book_id", "trade_date", *bar_columns(())]
        if (keys := since_changes(lake, "daily_bars", json.loads(stamps), columns).gone) is not None:
            pieces.append(keys)
    return pa.concat_tables(pieces).combine_chunks() if pieces else None


def remember(lake: MarketLake, factors: Iterable[Factor]) -> None:
    """Note by which code and from which files these factors are made now."""
    now = sources(lake)
    said: dict[str, Any] = {f"{MARK}{factor.name}": {**factor.facts, "made_from": now} for factor in factors}
    lake.note("factors", **said)
