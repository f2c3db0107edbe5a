"""A process that only fires: `python -m tests.faults.scheduler_process URL`. Says `ready` and goes on until it is killed."""

import sys
import threading

from app.engine.duty import Duty
from app.engine.timekeeper import Timekeeper
from app.store.changes import TIMES
from app.store.database import Database


def main() -> None:
    """Fire what is due, by the clock of OPENBELL_CLOCK_FILE."""
    database = Database(sys.argv[1])
    Duty("timekeeper", database.changes, TIMES, Timekeeper(database).look).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
