"""Lists come in pages: so many items, and an opaque cursor to what follows."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.errors import Fault, Invalid

LARGEST_NUMBER = 2**63 - 1
LONGEST_NUMBER = len(str(LARGEST_NUMBER))


class Page(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=500, description="How many items at most.")
    cursor: str | None = Field(None, max_length=500, description="`next_cursor` of the page before.")

    def after_text(self) -> str | None:
        """The text behind which the page begins; None for the first page. Raises Invalid for what is no cursor."""
        if self.cursor is None:
            return None
        try:
            text = base64.b64decode(self.cursor, altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            raise _no_cursor() from None
        if not text.isprintable() or not text:
            raise _no_cursor()
        return text

    def after_number(self) -> int | None:
        """The number behind which the page begins; None for the first page. Raises Invalid for what is no cursor."""
        text = self.after_text()
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > LONGEST_NUMBER or int(text) > LARGEST_NUMBER:
            raise _no_cursor()
        return int(text)

    def after_day(self) -> date | None:
        """The date behind which the page begins; None for the first page. Raises Invalid for what is no cursor."""
        text = self.after_text()
        try:
            return date.fromisoformat(text) if text is not None else None
        except ValueError:
            raise _no_cursor() from None

    def shown(
        self, found: Sequence[Any], view: Callable[[Any], dict[str, Any]], place: Callable[[Any], object]
    ) -> dict[str, Any]:
        """The page of what was found, one more than `limit` asked for; `place` says where an item stands in the list."""
        items = found[: self.limit]
        more = len(found) > self.limit
        cursor = base64.urlsafe_b64encode(str(place(items[-1])).encode()).decode() if more else None
        return {"items": [view(item) for item in items], "next_cursor": cursor}

    def of_all(self, rows: Sequence[dict[str, Any]], key: str) -> dict[str, Any]:
        """The page of a short list that is known whole, in the order of its key."""
        after = self.after_text() or ""
        rows = sorted((row for row in rows if row[key] > after), key=lambda row: row[key])
        return self.shown(rows, lambda row: row, lambda row: row[key])


def _no_cursor() -> Invalid:
    message = "is no cursor: take next_cursor of the page before, or none for the first page"
    return Invalid("The query is not valid.", faults=[Fault("/query/cursor", message)])
