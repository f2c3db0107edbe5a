"""What survives a power loss."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Make a file, or a folder's list of names, survive a power loss."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
