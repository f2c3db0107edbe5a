"""A folder of definitions on disk: read whole, or not at all; written file by file, each whole, and nothing deleted."""

import os
from collections.abc import Iterator
from pathlib import Path

from app.definitions.documents import FOLDERS
from app.errors import ConfigurationError, Fault

FILE_LIMIT = 2**20
FOLDER_LIMIT = 8 * 2**20
_MEANT = (".json", ".yaml", ".yml", ".toml")
"""Suffixes of files that somebody means to be definitions: those that are none are complained of, not passed over."""


def read(folder: Path) -> dict[str, str]:
    """The texts of all files that are, or seem meant to be, definitions, by their path in the folder.

    Raises ConfigurationError when one cannot be read: what is not seen must not be taken for what was taken away.
    """
    faults: list[Fault] = []
    texts: dict[str, str] = {}
    size = 0
    for file in _files(folder):
        path = file.relative_to(folder).as_posix()
        try:
            with file.open("rb") as opened:
                data = opened.read(FILE_LIMIT + 1)
            texts[path] = data.decode()
        except OSError as error:
            faults.append(Fault(path, f"cannot be read: {error.strerror}"))
            continue
        except UnicodeDecodeError as error:
            faults.append(Fault(path, f"is not UTF-8: byte {error.start} is {data[error.start]:#04x}"))
            continue
        size += len(data)
        if len(data) > FILE_LIMIT:
            faults.append(Fault(path, f"is larger than {FILE_LIMIT // 2**20} MiB"))
        if size > FOLDER_LIMIT:
            faults.append(Fault(path, f"makes the folder larger than {FOLDER_LIMIT // 2**20} MiB"))
            break
    if faults:
        raise ConfigurationError(f"The definitions in {folder} cannot be read.", faults=faults)
    if not texts:
        # An empty folder is more often one that was not mounted, or the wrong one, than the wish to have nothing.
        hint = f"Documents stand in {', '.join(f'{name}/' for name in FOLDERS)}; `openbell export DIR` writes them."
        raise ConfigurationError(f"There is no definition in {folder}.", hint=hint)
    return texts


def _files(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise ConfigurationError(f"The folder of definitions {folder} cannot be read: {error.strerror}.") from None
    for entry in entries:
        # `job/` and `Jobs/` are looked into as well, so that the misspelt folder is told.
        if f"{entry.name.lower().rstrip('s')}s" in FOLDERS and entry.is_dir():
            yield from _inside(entry, folder)


def _inside(entry: Path, folder: Path) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        path = Path(error.filename or entry).relative_to(folder).as_posix()
        fault = Fault(path, f"cannot be read: {error.strerror}")
        raise ConfigurationError(f"The definitions in {folder} cannot be read.", faults=[fault]) from None

    for parent, folders, names in os.walk(entry, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in _MEANT:
                yield Path(parent, name)


def write(folder: Path, path: str, text: str) -> bool:
    """Make the file say that, whole or not at all; False when it does already. Raises ConfigurationError."""
    file = folder / path
    data = text.encode()
    try:
        if file.is_file() and file.read_bytes() == data:
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            aside.write_bytes(data)
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}.") from None
    return True
