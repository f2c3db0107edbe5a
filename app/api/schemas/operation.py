"""What an operator looks at: limits, workers, the queue, what changed, who may and who did."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from app.api.paging import Page
from app.api.schemas.shown import Instant, InstantIn, Items, Shown
from app.definitions.catalogue import BrokenModule, OpSpec
from app.definitions.shape import Shape
from app.manager import Role


class Ops(Items[OpSpec]):
    """The catalogue: ops, and the modules that could not be imported."""

    broken: list[BrokenModule]


class Pool(Shown):
    """A named limit, and how many of its slots runs hold now."""

    name: str
    size: int
    held: int
    description: str | None
    managed_by: str
    file: str | None


class Worker(Shown):
    """A registered process. Its lease says how long it is believed to be alive."""

    id: str
    host: str
    pid: int
    roles: list[str]
    slots: int
    running: int
    version: str
    catalogue: str | None
    started_at: Instant
    renewed_at: Instant
    lease_expires_at: Instant


class QueuedJob(Shown):
    """What waits of one job."""

    job: str
    queued: int
    oldest: Instant
    due_at: Instant


class WriterWait(Shown):
    """How long writes waited for their turn, in seconds."""

    p50: float | None
    p99: float | None
    max: float | None


class Writer(Shown):
    """How the writer lane of the process that answers does, over the last minutes; durations in seconds."""

    waiting: int
    window_seconds: int
    writes: int
    transactions: int
    wait: WriterWait
    longest_transaction: float | None


class Queue(Shown):
    """What waits and what runs; what keeps every run from beginning, if something does. PostgreSQL has no writer lane."""

    queued: int
    running: int
    oldest_seconds: float | None
    waiting_for: str | None
    jobs: list[QueuedJob]
    writer: Writer | None


class Transition(Shown):
    """One change of state."""

    seq: int
    at: Instant
    subject: str
    name: str
    node: str | None
    job: str | None
    from_status: str | None
    to_status: str
    reason: str | None
    attempt: int | None
    worker: str | None


class StreamQuery(Shown):
    """Which changes."""

    job: str | None = Field(None, max_length=63, description="Only of this job and its runs.")
    run: str | None = Field(None, max_length=63, description="Only of this run.")


class AuditEntry(Shown):
    """Who changed what."""

    seq: int
    at: Instant
    actor: str
    action: str
    subject: str
    name: str
    detail: dict[str, Any] | None


class ApiKeyIn(Shape):
    """A key that is to be made."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(description="Whose it is, or what it is for.")
    role: Role = "viewer"
    expires_at: InstantIn | None = None


class ApiKey(Shown):
    """A key, without its secret."""

    id: str
    name: str
    role: Role
    created_at: Instant
    created_by: str
    expires_at: Instant | None
    last_used_at: Instant | None
    revoked_at: Instant | None


class NewApiKey(ApiKey):
    """A key with its text, which is shown this once."""

    key: str


class Readiness(Shown):
    """Whether the service can do its work, and what it lacks. `details`: what is wrong and keeps nothing from working."""

    ready: bool
    checks: dict[str, bool]
    details: dict[str, str]


class ListQuery(Page):
    """Which part of the list."""
