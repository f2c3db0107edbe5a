"""Everything that a run process needs, imported once before the first fork. Nothing here is used before a fork.

A thread, a connection or a Rust runtime that was used does not survive a fork; an import does. Nothing here raises: a
broken module is a fact of the catalogue.
"""

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence

from app import slim
from app.definitions import registry
from app.definitions.catalogue import BrokenModule

LIBRARIES = ("numpy", "pandas", "pyarrow", "duckdb", "talib")
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

broken: list[BrokenModule] = []


def preload(modules: Sequence[str], blocked: Mapping[str, str], announce: Callable[[str], None]) -> None:
    """Import the libraries and these op modules; `announce` hears each op module's name before its import.

    An import can end the process (a segmentation fault, `os._exit`): whoever listens knows then which module it was, and
    names it in `blocked` the next time, with what happened.
    """
    for name in _THREADS:
        # Runs are parallel already; the pools of a linear-algebra library would only get in each other's way.
        os.environ.setdefault(name, "1")
    slim.import_structlog()
    for library in LIBRARIES:
        try:
            importlib.import_module(library)
        except BaseException:
            traceback.print_exc()
    for module in modules:
        if module in blocked:
            broken.append(BrokenModule(module=module, error=blocked[module], traceback=""))
            continue
        announce(module)
        _import(module)
    for stream in (sys.stdout, sys.stderr):
        # What an import printed would otherwise be in the buffer of every child.
        if stream is not None:
            stream.flush()
    # The collector writes into every object it looks at, and a page that is written is no longer shared.
    gc.collect()
    gc.freeze()


def _import(module: str) -> None:
    documents = len(registry.documents)
    try:
        importlib.import_module(module)
    except BaseException as error:
        broken.append(BrokenModule(module=module, error=_brief(error), traceback=traceback.format_exc()))
        _forget_unloaded()
        del registry.documents[documents:]


def _forget_unloaded() -> None:
    """Drop what a module registered before it broke; a module that it had imported whole keeps its ops."""
    for table in (registry.ops, registry.queries):
        for name in [name for name, entry in table.items() if entry.spec.module not in sys.modules]:
            del table[name]


def _brief(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()
