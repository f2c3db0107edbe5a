"""The guest library: market data sources, the lake, indicators, scores and the shipped jobs. Imported in children only.

Importing it registers what it brings: the lake, the ops, the calendars, the shipped documents.
"""

from app.stocks import catalog, exchanges, missing, queries, readiness
from app.stocks.corrections import queries as changes_by_hand
from app.stocks.factors import report
from app.stocks.factors.declare import factor
from app.stocks.lake import market_lake
from app.stocks.ops import (
    calculation,
    complete,
    completion,
    correct,
    etl,
    exporting,
    handover,
    importing,
    indicator_parts,
    intraday,
    known_dates,
    load,
    maintenance,
    metrics,
    own_factors,
    repair,
    reproduce,
    saving,
    sync,
    validate,
)

__all__ = [
    "calculation",
    "catalog",
    "changes_by_hand",
    "complete",
    "completion",
    "correct",
    "etl",
    "exchanges",
    "exporting",
    "factor",
    "handover",
    "importing",
    "indicator_parts",
    "intraday",
    "known_dates",
    "load",
    "maintenance",
    "market_lake",
    "metrics",
    "missing",
    "own_factors",
    "queries",
    "readiness",
    "repair",
    "report",
    "reproduce",
    "saving",
    "sync",
    "validate",
]
