"""What a person asks for: to put values right, or to withdraw that, to let a row in."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Words = Annotated[str, Field(min_length=1, max_length=2000)]


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Words
    who: Words


class Correct(_Change):
    """Put values of one row right; `values` by column."""

    kind: Literal["correct"]
    dataset: str
    order_book_id: str
    trade_date: date
    values: Annotated[dict[str, Any], Field(min_length=1)]


class Withdraw(_Change):
    """Take corrections of one row back: of these columns, or all of them. What the source says stands again."""

    kind: Literal["withdraw"]
    dataset: str
    order_book_id: str
    trade_date: date
    columns: list[str] | None = None


class Override(_Change):
    """Let a row in that a check kept out: now, and whenever exactly that row comes again."""

    kind: Literal["override"]
    fingerprint: str


Change = Annotated[Correct | Withdraw | Override, Field(discriminator="kind")]
