"""What the imported op modules registered in this process; the child turns it into the catalogue."""

from typing import TYPE_CHECKING, Any

from app.definitions.lake import LakeFactory

if TYPE_CHECKING:
    from app.definitions.catalogue import ShippedDocument
    from app.definitions.op import Op, Query

ops: dict[str, "Op"] = {}
queries: dict[str, "Query"] = {}
documents: list["ShippedDocument"] = []
_lake: LakeFactory | None = None


def add_op(op: "Op") -> None:
    """Register under the op's name and aliases. Raises ValueError when another module has the name."""
    for name in (op.spec.name, *op.spec.aliases):
        other = ops.get(name)
        # A module that is imported again (a notebook cell, a reload) replaces its own op.
        if other is not None and other.spec.module != op.spec.module:
            raise ValueError(f"op {name!r} of {op.spec.module} is already registered by {other.spec.module}")
    for name in (op.spec.name, *op.spec.aliases):
        ops[name] = op


def add_query(query: "Query") -> None:
    """Register a query under its name."""
    queries[query.spec.name] = query


def add_document(document: "ShippedDocument") -> None:
    """Bring a definition along with an op module."""
    documents.append(document)


def provide_lake(factory: LakeFactory) -> LakeFactory:
    """Make this the lake of every run in this process; a decorator."""
    global _lake
    _lake = factory
    return factory


def lake_factory() -> LakeFactory | None:
    """The registered lake, if an op module brought one."""
    return _lake


def clear() -> dict[str, Any]:
    """Forget everything, for tests; answers what was registered."""
    before = {"ops": dict(ops), "queries": dict(queries), "documents": list(documents)}
    ops.clear()
    queries.clear()
    documents.clear()
    return before
