"""A process that only fires: `python -m tests.faults.scheduler_process URL`. Says `ready` and goes on until it is killed."""

import sys
import threading

from app.engine.timekeeper import Timekeeper
from app.store.database import Database


def main() -> None:
    """Fire what is due, by the clock of OPENBELL_CLOCK_FILE."""
    Timekeeper(Database(sys.argv[1])).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
