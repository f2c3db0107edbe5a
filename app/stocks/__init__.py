"""The guest library: market data sources, the lake, indicators, scores and the shipped jobs. Imported in children only."""
