"""A data dir without a service, and the command line over it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from app.cli import commands
from app.settings import PREFIX
from app.store import migrate
from app.store.database import Database
from tests.store import sample_rows


class Place:
    """A data dir with a database and a lake of one file, and the command line over it."""

    def __init__(self, folder: Path, output: pytest.CaptureFixture[str], url: str = "") -> None:
        self.data_dir = folder / "var"
        self.data_dir.mkdir(mode=0o700)
        self.file = self.data_dir / "openbell.db"
        self.url = url or f"sqlite:///{self.file}"
        self.environment = {f"{PREFIX}DATA_DIR": str(self.data_dir), f"{PREFIX}DATABASE_URL": url}
        self._output = output
        with self.opened() as database:
            migrate.upgrade(database.engine)

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        """What `openbell db <arguments> --json` prints; in this process, for starting one takes longer than all it does."""
        self._output.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr("sys.argv", ["openbell", "db", *arguments, "--json"])
            ended = _run()
        printed = self._output.readouterr()
        assert ended == code, printed
        # Without the entry point, the log of this process goes to stdout as well.
        lines = (printed.out + printed.err).splitlines()
        first = next(number for number, line in enumerate(lines) if line[:1] in "{[")
        return json.JSONDecoder().raw_decode("\n".join(lines[first:]))[0]

    def opened(self) -> "Opened":
        return Opened(self.url)

    def publish(self) -> Path:
        """Rows of every table, among them a snapshot that names a file, and the file."""
        folder = self.data_dir / "lake" / "d"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"n": [1, 2, 3]}), folder / "new")
        name = f"all-{hashlib.sha256((folder / 'new').read_bytes()).hexdigest()[:16]}.parquet"
        path = (folder / "new").rename(folder / name)
        with self.opened() as database, database.engine.begin() as connection:
            sample_rows.insert(connection)
            facts = {"path": f"d/{name}", "bytes": path.stat().st_size}
            connection.execute(text("UPDATE files SET path = :path, bytes = :bytes"), facts)
        return path

    def wrong(self, *arguments: str) -> dict[str, list[str]]:
        """What `verify` finds wrong, by check."""
        return {check["check"]: check["wrong"] for check in self("verify", *arguments, code=1) if check["wrong"]}


def _run() -> int:
    try:
        return commands.run()
    except SystemExit as ended:
        return int(ended.code or 0)


class Opened:
    """A database for a block."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def __enter__(self) -> Database:
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()
