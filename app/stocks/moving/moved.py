"""Brought rows as a source: the configured source `files`, over one canonical file, without what the lake has already."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from app.stocks import bar_keys
from app.stocks.sources import Answer, Data, Empty
from app.stocks.sources.files import Files


class Moved(Files):
    """Answers bars of the file whose keys are not among `held` (order_book_id, trade_date)."""

    def __init__(self, path: Path, sessions: Sequence[date], held: pa.Table | None = None) -> None:
        super().__init__(str(path), sessions)
        self._held = held

    def daily_bars(self, ids: Sequence[str] | None, start: date, end: date) -> Answer:
        """The file's rows of these instruments and days that the lake lacks."""
        answer = super().daily_bars(ids, start, end)
        if self._held is None or not isinstance(answer, Data):
            return answer
        rows = answer.table.filter(pc.invert(bar_keys.among(answer.table, self._held)))
        return Data(rows) if rows.num_rows else Empty()
