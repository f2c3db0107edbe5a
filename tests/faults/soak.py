"""`python -m tests.faults.soak --seed 1 --kills 1000 --database postgresql`: chaos for as long as it takes; 1 on a violation."""

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.faults import chaos
from tests.postgres import running_server


def main() -> int:
    """Run it and print what came of it; its folder is left for whoever has to find out why."""
    parser = argparse.ArgumentParser("tests.faults.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args()
    # Or it would leave its services behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix=f"openbell-soak-{asked.database}-{asked.seed}-"))
    with ExitStack() as stack:
        sqlite = asked.database == "sqlite"
        (folder / "var").mkdir()
        url = f"sqlite:///{folder / 'var' / 'openbell.db'}" if sqlite else stack.enter_context(running_server())
        outcome = chaos.run(folder, url, chaos.Plan(asked.seed, asked.kills), _tell)
    sys.stdout.write(f"{outcome}\nhistory: {folder / 'history.jsonl'}\n")
    return 0 if outcome.passed else 1


def _tell(kills: int) -> None:
    if kills % 100 == 0:
        sys.stderr.write(f"{kills} kills\n")


if __name__ == "__main__":
    sys.exit(main())
