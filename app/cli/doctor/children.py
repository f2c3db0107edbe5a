"""Checks of the processes that runs execute in: one is started as a worker would, and asked what it has."""

import time
from collections.abc import Iterator

from app.cli.doctor.finding import Finding, failed, ok
from app.engine.children import ForkServer, QueryChild
from app.errors import Unavailable
from app.settings import PREFIX, Settings


def modules(settings: Settings) -> Iterator[Finding]:
    """Whether a run process starts, and every op module can be imported in it."""
    began = time.monotonic()
    forkserver = ForkServer.start(settings)
    child = QueryChild(forkserver)
    try:
        catalogue = child.describe()
    except Unavailable as error:
        yield failed("run process", str(error), "What it wrote stands above.")
        return
    finally:
        child.close()
        forkserver.stop()
    yield ok("run process", f"imports everything and answers after {time.monotonic() - began:.1f} s")
    for broken in catalogue.broken:
        yield failed("op modules", f"{broken.module}: {broken.error}", broken.traceback)
    if not catalogue.broken:
        yield ok("op modules", f"{len(catalogue.ops)} ops in {', '.join(settings.modules)} ({PREFIX}OP_MODULES)")
