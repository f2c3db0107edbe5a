"""`openbell db verify --deep`: every byte of the lake that a snapshot names."""

import hashlib
from pathlib import Path

from app.store import verify
from app.store.database import Database


def deep(opened: Database, folder: Path) -> verify.Checked:
    """Read every file: its bytes against the checksum that its name bears, its rows against those that were published."""
    named = verify.named_files(opened)
    wrong = [f"{file.path}: {fault}" for file in named if (fault := _fault(folder / file.path, file.rows))]
    return verify.told("lake content", f"{len(named)} files read", wrong, verify.put_back(folder))


def _fault(path: Path, rows: int) -> str | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        wanted = path.stem.rpartition("-")[2]
        if not digest.startswith(wanted):
            return "its content is not what its name says"
        found = pq.read_metadata(path).num_rows
    except OSError as error:
        return error.strerror or str(error)
    except pa.ArrowException as error:
        return str(error)
    return None if found == rows else f"it has {found} rows; {rows} were published"
