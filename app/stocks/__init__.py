"""The guest library: market data sources, the lake, indicators, scores and the shipped jobs. Imported in children only.

Importing it registers what it brings: the lake, the ops, the shipped documents.
"""

from app.stocks.lake import market_lake
from app.stocks.ops import calculation, saving

__all__ = ["calculation", "market_lake", "saving"]
