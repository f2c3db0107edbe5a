"""What the imported op modules registered in this process; the child turns it into the catalogue."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.definitions.lake import LakeFactory

if TYPE_CHECKING:
    from app.definitions.catalogue import ShippedDocument
    from app.definitions.op import Op, Query

ops: dict[str, "Op"] = {}
queries: dict[str, "Query"] = {}
documents: list["ShippedDocument"] = []
_modules: dict[tuple[str, str, Any], str] = {}
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


def add_document(document: "ShippedDocument", *, module: str = "") -> None:
    """Bring a definition along with an op module. Raises ValueError when another module has the name."""
    key = (document.kind, document.managed_by, document.document.get("name"))
    for index, other in enumerate(documents):
        if key != (other.kind, other.managed_by, other.document.get("name")):
            continue
        if _modules.get(key, "") != module:
            raise ValueError(f"{key[0]} {key[2]!r} of {module} is already registered by {_modules[key]}")
        # A module that is imported again (a notebook cell, a reload) replaces its own.
        documents[index] = document
        return
    documents.append(document)
    _modules[key] = module


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
    before = {"ops": dict(ops), "queries": dict(queries), "documents": list(documents), "modules": dict(_modules)}
    restore({})
    return before


def restore(before: Mapping[str, Any]) -> None:
    """Have exactly this registered: what `clear` answered."""
    for table, name in ((ops, "ops"), (queries, "queries"), (_modules, "modules")):
        table.clear()
        table.update(before.get(name, {}))
    documents[:] = before.get("documents", [])
