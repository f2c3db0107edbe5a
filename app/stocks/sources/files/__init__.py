"""Bars from files: Parquet or CSV, one file, a folder or a glob, under the column names that vendors use.

See docs/file-source.md for the names, units and rules; `aliases` holds them as data.
"""

from app.stocks.sources.files.source import Files

__all__ = ["Files"]
