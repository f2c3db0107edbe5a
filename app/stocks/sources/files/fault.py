"""What is wrong with a file, said so that one can mend it."""

from pathlib import Path


class BadFile(Exception):
    """A file that cannot be taken: which one, what is wrong, in which column and row (from 1, without the header)."""

    def __init__(self, path: Path, problem: str, *, column: str = "", row: int | None = None, hint: str = "") -> None:
        where = f", column {column!r}" if column else ""
        where += f", row {row}" if row is not None else ""
        self.detail = f"{path}{where}: {problem}"
        self.hint = hint
        super().__init__(self.detail)
