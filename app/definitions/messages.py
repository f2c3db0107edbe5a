"""What a worker and its run process say to each other: JSON objects over a socket, in order.

To the child: `{"type": "describe"}` (answered by `{"type": "catalogue", "catalogue": {...}}`), `run`, `{"type": "cancel"}`
(of the run under way: `context.cancelled` turns true), `query`, `{"type": "reveal", "state": SnapshotState}` (make that
snapshot's view, answered by `{"type": "revealed", "snapshot"}`), `{"type": "tidy", "named", "age_seconds"}` (take away what
no snapshot names, answered by `{"type": "tidied", "files"}`), `reply`, `{"type": "end"}`.

From the child: a list of events per message. An event is what happened, with its instant; the worker alone writes it down.
Instants are ISO 8601 strings (`clock.iso`).
"""

import json
from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

from app.definitions.lake import Publication, StagedFile

StepReason = Literal[
    "exception", "timeout", "oom", "signal", "exit", "interrupted", "quality_gate", "upstream_failed", "missing_input",
    "unknown_op", "source_mismatch", "disk_full", "not_published", "cancelled",
]  # fmt: skip

METRICS = ("record_count", "processing_time", "memory_usage", "data_quality_score")
"""What every step reports: rows, seconds, the child's peak bytes, 0..1; null where it has no meaning."""

VALUE_LIMIT = 64 * 1024
"""Bytes that a value may have as JSON."""


class ErrorFacts(TypedDict):
    """An exception, as text: never as an object."""

    type: str
    message: str
    traceback: str
    classes: list[str]
    hint: NotRequired[str]


class Output(TypedDict):
    """A step's output as it is stored: a value, a dataset reference, or a frame (`kept`: its scratch file, if any)."""

    kind: Literal["value", "dataset", "frame"]
    value: NotRequired[Any]
    dataset: NotRequired[str]
    rows: NotRequired[int | None]
    quality: NotRequired[float | None]
    kept: NotRequired[str | None]


class NodeSpec(TypedDict):
    """One node of a run as the child gets it: resolved params, and what is already known of its step."""

    id: str
    op: str
    inputs: dict[str, list[str]]
    """Input name to [node, output]; the output is empty for an op's only one."""
    params: dict[str, Any]
    retry: dict[str, Any] | None
    pools: dict[str, int]
    """Slots that it wants of those that the run holds."""
    status: Literal["pending", "succeeded", "failed", "skipped"]
    attempts: int
    """Step attempts begun so far."""
    failures: int
    """Attempts that the retry policy has paid for."""
    due_at: str | None
    """When a delayed retry may begin."""
    outputs: dict[str, Output]
    staged: list[StagedFile]


class RunSpec(TypedDict):
    """One attempt of a run."""

    id: str
    attempt: int
    job: str
    trade_date: str | None
    params: dict[str, Any]
    tags: dict[str, str]
    nodes: list[NodeSpec]
    """In an order that respects the edges."""


class RunMessage(TypedDict):
    type: Literal["run"]
    run: RunSpec


class QueryMessage(TypedDict):
    """Answered by `{"type": "answer", "id", "result"}` or `{..., "error"}`; an Arrow table follows as a binary IPC message
    when the answer says `"arrow": true`, bytes of another form when it bears `facts` too."""

    type: Literal["query"]
    id: int
    name: str
    params: dict[str, Any]


class Reply(TypedDict):
    """The answer to an `ask` of that id."""

    type: Literal["reply"]
    id: int
    result: NotRequired[Any]
    error: NotRequired[str]


class StepBegan(TypedDict):
    type: Literal["step_began"]
    node: str
    attempt: int
    at: str


class StepSucceeded(TypedDict):
    """`staged`: files that this attempt wrote. A publishing step ends by the ask `publish` instead (see Ask)."""

    type: Literal["step_succeeded"]
    node: str
    attempt: int
    at: str
    outputs: dict[str, Output]
    metrics: dict[str, Any]
    staged: list[StagedFile]


class StepFailed(TypedDict):
    """`retry_at` is set when the retry policy allows a further try: the step is pending again, due then.

    With the reason `cancelled` the step is cancelled: its op saw that the run is to stop.
    """

    type: Literal["step_failed"]
    node: str
    attempt: int
    at: str
    reason: StepReason
    error: ErrorFacts
    metrics: dict[str, Any]
    retry_at: str | None


class StepSkipped(TypedDict):
    type: Literal["step_skipped"]
    node: str
    at: str
    reason: Literal["upstream_failed", "missing_input"]
    detail: str


class LogLine(TypedDict):
    type: Literal["log"]
    at: str
    level: str
    node: str | None
    attempt: int | None
    message: str
    fields: dict[str, Any]


class Ask(TypedDict):
    """A question to the worker, answered by a Reply.

    `maintain` {"duty"} -> what came of that duty of the service's, which a run of the shipped job `lake_maintenance` asks for.

    `snapshot` {} -> SnapshotState of the run's base (fixed at the first ask of the run).
    `sessions` {"calendar"} -> list of ISO dates.
    `publish` {"node", "attempt", "at", "end": StepSucceeded | None, "publication"} -> {"outcome": "published" | "unchanged" |
    "conflict", "state": SnapshotState}. With `end` the step ends in the same transaction, unless the outcome is "conflict".
    """

    type: Literal["ask"]
    id: int
    what: Literal["snapshot", "sessions", "publish", "maintain"]
    params: dict[str, Any]


class PublishAsk(TypedDict):
    node: str
    attempt: int
    at: str
    end: StepSucceeded | None
    publication: Publication


class RunEnded(TypedDict):
    """Nothing is left to do now: all steps are final, or the rest waits for a delayed retry until `due_at`."""

    type: Literal["run_ended"]
    due_at: str | None
    memory_bytes: int
    """Memory that it holds beyond a fresh child's, by which the worker decides whether to keep it."""
    clean: bool
    """Whether the ops left no thread and no process behind; a child that is not clean is not used again."""


class Ready(TypedDict):
    """A fresh child can take a run."""

    type: Literal["ready"]
    pid: int


Event = StepBegan | StepSucceeded | StepFailed | StepSkipped | LogLine | Ask | RunEnded | Ready


def encode(message: Any) -> bytes:
    """One message as it goes over the pipe. Raises ValueError for NaN and infinities, which JSON does not have."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode("utf-8", "surrogatepass")


def decode(data: bytes) -> Any:
    """The message again."""
    return json.loads(data.decode("utf-8", "surrogatepass"))


_KINDS: dict[str, Any] = {
    "step_began": StepBegan, "step_succeeded": StepSucceeded, "step_failed": StepFailed, "step_skipped": StepSkipped,
    "log": LogLine, "ask": Ask, "run_ended": RunEnded, "ready": Ready,
}  # fmt: skip
_HAS: dict[str, set[str]] = {name: set(kind.__required_keys__) for name, kind in _KINDS.items()}
_HAS |= {"catalogue": {"catalogue"}, "answer": {"id"}, "revealed": {"snapshot"}, "tidied": {"files"}}


def events_in(message: Any) -> list[Any]:
    """The events of one message from a child. Raises ValueError for what is none, or lacks what an event of its type has."""
    if not isinstance(message, list):
        raise ValueError("a child tells lists of events")
    for event in message:
        has = _HAS.get(str(event.get("type"))) if isinstance(event, dict) else None
        if has is None or not has <= event.keys():
            raise ValueError("this is no event")
    return message


def describe_events(events: Sequence[Event]) -> str:
    """A short text of a batch, for the service's own log."""
    return ", ".join(f"{event['type']}:{event.get('node', '')}" for event in events)
