"""Why market data could not be taken in."""

from app.errors import Conflict, Unavailable
from app.stocks.sources import Unavailable as Answer
from app.stocks.sources.answers import Reason


class SourceUnavailable(Unavailable):
    """The source cannot answer."""

    code = "source_unavailable"

    def __init__(self, source: str, answer: Answer) -> None:
        self.why: Reason = answer.reason
        super().__init__(f"source {source} ({answer.reason}): {answer.detail}", hint=answer.hint or None)


class SourceBusy(SourceUnavailable):
    """The source cannot answer now; a later try may get through."""


def refused(source: str, answer: Answer) -> SourceUnavailable:
    """The exception for an answer: of a class that a retry policy can tell from one that stays wrong however often one asks."""
    kind = SourceBusy if answer.reason in ("transient", "session_limit") else SourceUnavailable
    return kind(source, answer)


class SourceMismatch(Conflict):
    """The lake holds another source's data: invented rows must never stand among real ones."""

    code = "source_mismatch"
    reason = "source_mismatch"
