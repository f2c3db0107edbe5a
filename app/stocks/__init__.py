"""The guest library: market data sources, the lake, indicators, scores and the shipped jobs. Imported in children only.

Importing it registers what it brings: the lake, the ops, the calendars, the shipped documents.
"""

from app.stocks import calendar, catalog, queries
from app.stocks.lake import market_lake
from app.stocks.ops import calculation, complete, load, saving, validate

__all__ = ["calculation", "calendar", "catalog", "complete", "load", "market_lake", "queries", "saving", "validate"]
