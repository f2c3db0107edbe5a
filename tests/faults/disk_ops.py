"""An op that needs more room than there is."""

from pathlib import Path

from app.definitions import op


@op
def fill(*, file: str) -> int:
    """Write until there is no room."""
    with Path(file).open("wb", buffering=0) as opened:
        while True:
            opened.write(b"x" * 65536)
