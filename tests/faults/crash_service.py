"""`openbell serve`, or `migrate URL`, that counts its points: `python -m tests.faults.crash_service PLAN serve|URL`."""

import sys
from pathlib import Path


def main(plan: Path, what: str) -> None:
    """Be the service or the migration that was asked for."""
    from tests.faults.crash_points import Points, watch_commits, watch_files

    points = Points(plan)
    watch_files(points)
    watch_commits(points)
    if what == "serve":
        from app import __main__

        __main__._serve([])
    else:
        from app.store import migrate

        sys.exit(migrate.main(what))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
