"""Factors of one's own: which there are, whether they are up to date, and how good they were."""

from typing import Any

from app.errors import Unavailable
from app.manager.queries import Queries

_LONGEST_SECONDS = 20


class Factors:
    """What op modules declared with @factor."""

    queries: Queries | None

    def list_factors(self, *, sessions: int = 60, horizon: int = 1) -> list[dict[str, Any]]:
        """Every factor over the last `sessions`, against the return of the next `horizon` of them. Raises Unavailable."""
        if self.queries is None:
            raise Unavailable("Nobody here can tell which factors there are.", hint="Ask the service: openbell factors.")
        asked = {"sessions": sessions, "horizon": horizon}
        answer: list[dict[str, Any]] = self.queries.ask("factor_report", asked, timeout=_LONGEST_SECONDS)
        return answer
