"""Definitions: the documents that are sent, and how they are shown."""

from typing import Any

from pydantic import Field

from app.api.paging import Page
from app.api.schemas.shown import Instant, Shown
from app.definitions.pipeline import Node, PipelineDocument


class PipelineShape(PipelineDocument):
    """A pipeline: a declarative acyclic graph of nodes."""

    nodes: list[Node] = Field(min_length=1)


_OF_TIME = ("means", "warnings", "next_at", "next_due_at", "latest")
READ_ONLY = frozenset({"version", "latest_version", "managed_by", "file", "created_at", "created_by", *_OF_TIME})
"""What an answer adds to a document. A document that is sent back with them means what it says without them."""


class JobsQuery(Page):
    """Which jobs."""

    tag: str | None = Field(None, description="As name:value.")


class Versioned(Shown):
    """What the service knows of a definition."""

    name: str
    description: str = ""
    version: int
    latest_version: int
    managed_by: str
    file: str | None = None
    created_at: Instant
    created_by: str


class NodeOut(Shown):
    """One use of an op."""

    id: str
    op: str
    inputs: dict[str, str] = {}
    params: dict[str, Any] = {}
    retry: dict[str, Any] | None = None
    timeout_seconds: float | None = None
    pools: dict[str, int] = {}
    tags: dict[str, str] = {}


class Pipeline(Versioned):
    """A version of a pipeline."""

    params: dict[str, Any] = {}
    nodes: list[NodeOut]


class ValidPipeline(Shown):
    """What registering would store."""

    name: str
    description: str = ""
    params: dict[str, Any] = {}
    nodes: list[NodeOut]


class Job(Versioned):
    """A version of a job."""

    pipeline: str
    pipeline_version: int | None = None
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    priority: int | str | None = None
    max_concurrent_runs: int = 1
    timeout_seconds: float | None = None
    memory_limit_bytes: int | None = None
    retry: dict[str, Any] | None = None
    calendar: str | None = None
    stands_for: str | None = None
    owner: str = ""
    runbook: str = ""
    paused: bool


class Schedule(Versioned):
    """A version of a schedule: what it means, what to beware of, and when it is looked at next."""

    job: str
    params: dict[str, Any] = {}
    paused: bool
    cron: str | None = None
    at: str | None = None
    day: str | dict[str, Any] | None = None
    timezone: str = "Asia/Shanghai"
    calendar: str | None = None
    trade_date: str = "same"
    catch_up: str = "latest"
    on_unknown: str = "hold"
    overlap: str = "skip"
    start_date: str | None = None
    end_date: str | None = None
    priority: int | None = None
    means: str
    warnings: list[str]
    next_at: Instant | None


class Trigger(Versioned):
    """A version of a trigger, and what it means."""

    job: str
    params: dict[str, Any] = {}
    paused: bool
    when: dict[str, Any]
    on_rerun: str = "if_changed"
    means: str


class GraphNode(Shown):
    """A node and its level: 0 for what needs no other."""

    id: str
    op: str
    level: int


class Edge(Shown):
    """Which output feeds which input."""

    from_: str = Field(alias="from")
    output: str | None
    to: str
    input: str


class Graph(Shown):
    """A pipeline as a graph."""

    nodes: list[GraphNode]
    edges: list[Edge]
    levels: list[list[str]]
