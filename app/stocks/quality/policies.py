"""What a job makes of what a check finds, where that is another thing than the check's own policy."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from app.stocks.quality.check import Policy

Out = Literal["quarantine", "block"] | None
Said = Literal["warn", "block"] | None


class Policies(BaseModel):
    """By check: `block` publishes nothing when it finds anything. What keeps rows out cannot be made to let them in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    completeness: Said = None
    duplicates: Out = None
    instrument: Out = None
    session: Out = None
    nulls: Out = None
    positive: Out = None
    ohlc: Out = None
    volume: Out = None
    vwap: Out = None
    prev_close: Said = None
    limits: Said = None
    jumps: Said = None
    stale: Said = None
    actions: Said = None

    @property
    def given(self) -> dict[str, Policy]:
        """Those that are set."""
        return {name: policy for name in type(self).model_fields if (policy := getattr(self, name)) is not None}
