"""Rows that were kept out: which there are, and the run that lets one in."""

from datetime import date
from typing import Any

from app.errors import Conflict, NotFound
from app.manager.corrections import Corrections, change_request
from app.store.acceptance import RunRequest


class Quarantine(Corrections):
    """The dataset `quarantine`, and what a person makes of it."""

    def list_quarantine(
        self,
        *,
        symbol: str | None = None,
        check: str | None = None,
        since: date | None = None,
        until: date | None = None,
        overridden: bool | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Rows that were kept out, of the newest days first; those behind the fingerprint `after`. Raises Unavailable."""
        days = {"start": since and since.isoformat(), "end": until and until.isoformat()}
        asked = {"symbol": symbol, "check": check, **days, "overridden": overridden, "after": after, "limit": limit}
        found: list[dict[str, Any]] = self.ask_lake("quarantined", asked)
        return found

    def override_request(self, fingerprint: str, *, reason: str, who: str) -> RunRequest:
        """The run that lets the row in. Raises NotFound, Conflict where it may not be let in, Unavailable."""
        found = self.ask_lake("override_plan", {"fingerprint": fingerprint})
        if found["entry"] is None:
            raise NotFound(f"No row in quarantine has the fingerprint {fingerprint!r}.", hint="openbell quarantine lists them.")
        if found["fault"]:
            raise Conflict(f"The row may not be let in: {found['fault']}.")
        change = {"kind": "override", "fingerprint": fingerprint, "reason": reason, "who": who}
        return change_request(change, date.fromisoformat(found["entry"]["trade_date"]))
