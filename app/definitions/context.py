"""What an op may ask of the run it stands in, when its first parameter is named `context`."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from app.definitions.lake import Lake

if TYPE_CHECKING:
    from app.settings import Settings


class Log(Protocol):
    """A structured logger: a message, and fields as keywords."""

    def debug(self, message: str, **fields: Any) -> None: ...
    def info(self, message: str, **fields: Any) -> None: ...
    def warning(self, message: str, **fields: Any) -> None: ...
    def error(self, message: str, **fields: Any) -> None: ...


class Cancelled(BaseException):
    """The run was asked to stop, and its op stops here. Not an Exception, so that no op catches it by the way."""

    reason = "cancelled"


class OpContext(Protocol):
    """The run, as the op sees it."""

    run_id: str
    job: str
    node: str
    attempt: int
    """The step's attempt, from 1."""
    trade_date: date | None
    params: dict[str, Any]
    """The run's effective params; an op's own params are its keyword-only arguments."""
    tags: dict[str, str]
    log: Log
    scratch: Path
    """A folder of this run's own; gone some time after the run."""
    data_dir: Path
    settings: "Settings"

    @property
    def lake(self) -> Lake:
        """The lake as this run sees it."""

    def metric(self, name: str, value: float | int | str | None) -> None:
        """Report a metric of this step; record_count, processing_time, memory_usage and data_quality_score come unasked."""

    @property
    def cancelled(self) -> bool:
        """Whether the run was asked to stop; a long op looks now and then and returns early.

        Once it was true to an op, on whatever thread, its step ends as cancelled: it keeps no output and publishes nothing.
        """

    def raise_if_cancelled(self) -> None:
        """The same look, for an op that is deep in its work: raises Cancelled."""

    def sessions(self, calendar: str = "XSHG") -> list[date]:
        """Every known session of an exchange, in order, as far as its calendar reaches."""

    def now(self) -> datetime:
        """The present instant, UTC, by the service's clock."""

    def maintain(self, duty: str) -> dict[str, Any]:
        """Have the service do one of its duties (retention, scratch, history, backup); what came of it. Raises Unavailable."""

    def publish(self) -> int | None:
        """Publish at once what the run has staged so far, in a long run; the snapshot, None if nothing changed.

        A step of a publishing op publishes when it ends, without calling this.
        """
