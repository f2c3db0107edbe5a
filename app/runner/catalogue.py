"""The registry of this process as the catalogue that the service keeps."""

from app.definitions import registry
from app.definitions.catalogue import BrokenModule, Catalogue
from app.runner import failure, preload
from app.runner.text import clean


def describe() -> Catalogue:
    """Every op, query and shipped document that was registered, and every module that broke, with its traceback."""
    ops = {op.spec.name: op.described() for op in registry.ops.values()}
    return Catalogue(
        ops=tuple(ops[name] for name in sorted(ops)),
        queries=tuple(registry.queries[name].spec for name in sorted(registry.queries)),
        broken=tuple(_storable(module) for module in preload.broken),
        documents=tuple(registry.documents),
    )


def _storable(module: BrokenModule) -> BrokenModule:
    return module.model_copy(
        update={
            "error": clean(module.error, failure.MESSAGE_LIMIT),
            "traceback": clean(module.traceback, failure.TRACEBACK_LIMIT),
        }
    )
