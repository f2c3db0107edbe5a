"""Who takes part in a cross-section."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from app.stocks.instruments import board_of

Days = npt.NDArray[np.int32]
LONG_AGO = np.int32(-(2**31))
NEVER = np.int32(2**31 - 1)


class Universe(BaseModel):
    """The instruments that are scored on a date: A-shares that trade that day, under these conditions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    boards: tuple[Literal["main", "chinext", "star", "bjse"], ...] = Field(
        ("main", "chinext", "star", "bjse"), description="Boards that take part."
    )
    exclude_st: bool = Field(True, description="Leave out what is under special treatment; unknown counts as not.")
    min_sessions: int = Field(60, ge=0, description="Sessions since listing, that of the listing included.")

    def has(self, symbol: str) -> bool:
        """Whether an instrument can be in it at all."""
        return board_of(symbol) in self.boards

    def eligible_from(self, listed: Days, sessions: Days) -> Days:
        """The first day on which each has been listed for `min_sessions` sessions. An unknown listing (LONG_AGO) is long ago."""
        if not len(sessions):
            return np.full(len(listed), LONG_AGO, dtype=np.int32)
        at = np.searchsorted(sessions, listed) + max(self.min_sessions - 1, 0)
        days = np.where(at < len(sessions), sessions[np.minimum(at, len(sessions) - 1)], NEVER)
        # What was listed before the first known session has been for who knows how long.
        return np.where(listed < sessions[0], LONG_AGO, days).astype(np.int32)


def listed_dates(instruments: pa.Table) -> dict[str, int]:
    """Each instrument's listing date as days since 1970, where one is known: the newest row's that has one."""
    known = instruments.filter(instruments.column("listed_date").is_valid())
    days = known.column("listed_date").cast(pa.int32()).to_pylist()
    # Sorted by (order_book_id, valid_from): the last one stays.
    return dict(zip(known.column("order_book_id").to_pylist(), days, strict=True))


def as_days(dates: Sequence[date]) -> Days:
    """Dates as days since 1970."""
    return np.array(dates, dtype="datetime64[D]").astype(np.int32)
