"""The face for a terminal: `openbell`. Speaks HTTP to a running service; only `doctor` and `db` touch its data.

Nothing here is imported by the service: typer and rich stay out of its memory.
"""

import os
import sys


def main() -> None:
    """The command `openbell`."""
    if sys.argv[1:2] == ["serve"]:
        become_service(sys.argv[1:])
    from app import journal
    from app.cli.commands import run

    # What `db` and `doctor` log of what they do is not their answer.
    journal.configure("warning")
    sys.exit(run())


def become_service(arguments: list[str]) -> None:
    """Replace this process by `python -P -m app serve ...`, with the same arguments.

    Behind a console script multiprocessing imports the script, and the whole service with it, into every child process.
    -P: else a folder `app` in the present directory would be imported instead of this package.
    """
    os.execv(sys.executable, [sys.executable, "-P", "-m", "app", *arguments])
