"""The catalogue: what a worker's children found in its op modules, as data that the service keeps."""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.definitions.kinds import Kind
from app.definitions.retry import RetryPolicy
from app.definitions.shape import Pools, Seconds, Tags


class Port(BaseModel):
    """One input or output of an op. An optional input runs without; an optional output may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Kind
    optional: bool = False
    annotation: str = ""


class OpSpec(BaseModel):
    """An op as the service knows it. `publishes`: always, never, or when the boolean param of that name is true."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    aliases: tuple[str, ...] = ()
    module: str
    description: str = ""
    code_version: str
    params_schema: dict[str, Any] = Field(default_factory=dict)
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    retry: RetryPolicy | None = None
    timeout_seconds: Seconds | None = None
    tags: Tags = Field(default_factory=dict)
    pools: Pools = Field(default_factory=dict)
    publishes: bool | str = False
    keep: bool = False


class QuerySpec(BaseModel):
    """A registered read-only function that a face asks and a warm child answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    module: str
    description: str = ""
    params_schema: dict[str, Any] = Field(default_factory=dict)


class BrokenModule(BaseModel):
    """An op module that could not be imported, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    module: str
    error: str
    traceback: str


class ShippedDocument(BaseModel):
    """A definition that an op module brings along: planted once, never over a user's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["pipeline", "job", "schedule", "trigger", "deadline", "pool"]
    managed_by: Literal["catalog", "file"]
    document: dict[str, Any]


def _in_order(documents: tuple[ShippedDocument, ...]) -> tuple[ShippedDocument, ...]:
    """What another document names comes before it; a user's own after the shipped one of the same name."""
    kinds, owners = ("pool", "pipeline", "job", "schedule", "trigger", "deadline"), ("catalog", "file")
    return tuple(sorted(documents, key=lambda shipped: (kinds.index(shipped.kind), owners.index(shipped.managed_by))))


class Catalogue(BaseModel):
    """Everything that the children of one worker have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ops: tuple[OpSpec, ...] = ()
    queries: tuple[QuerySpec, ...] = ()
    broken: tuple[BrokenModule, ...] = ()
    documents: Annotated[tuple[ShippedDocument, ...], AfterValidator(_in_order)] = ()

    def op(self, name: str) -> OpSpec | None:
        """The op of that name or alias."""
        return self.by_name.get(name)

    @cached_property
    def by_name(self) -> dict[str, OpSpec]:
        """Every name and alias to its op."""
        return {name: spec for spec in self.ops for name in (spec.name, *spec.aliases)}
