"""A worker as small as can be, in a process of its own: it starts run processes and waits to be killed."""

import json
import sys
import threading
from pathlib import Path

# What a service holds and a run process must not.
import fastapi
import sqlalchemy

from app.engine.children import Child, ForkServer
from app.settings import Settings
from tests.runner.runs import Ran, execute, hear, node, send


def main(folder: Path, op: str) -> None:
    settings = Settings(data_dir=folder, op_modules=("tests.runner.sample_ops",))
    forkserver = ForkServer.start(settings)
    child = Child.start(forkserver, 60)
    facts = execute(child, node("a", "looks_around")).value("a")
    if op:
        send(child, node("a", op, params={"mark": str(folder / "mark")}))
        hear(child, Ran(), lambda ran: ran.of("step_began"), timeout=None)
    held = [module.__name__ for module in (fastapi, sqlalchemy)]
    told = {"forkserver": forkserver.pid, "child": child.pid, "held": held, **facts}
    (folder / "told.part").write_text(json.dumps(told))
    (folder / "told.part").rename(folder / "told")
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
