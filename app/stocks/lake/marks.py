"""`_SUCCESS-2026-11-20.json` in a view: for whoever waits for a trade date by looking for a file."""

import json
from pathlib import Path

from app.definitions.lake import SnapshotState
from app.durable import sync

MARK = "_SUCCESS-{trade_date}.json"


def write(view: Path, state: SnapshotState) -> None:
    """A file for each trade date that was announced by that snapshot; it comes with the view, whole or not at all."""
    for release in state.get("releases", ()):
        file = view / MARK.format(trade_date=release["trade_date"])
        file.write_text(json.dumps(release, indent=1) + "\n")
        file.chmod(0o444)
        sync(file)
