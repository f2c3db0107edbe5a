"""What a run process may know of the worker's environment: a list of what passes, not of what does not."""

import os
from pathlib import Path

from pydantic import SecretStr

from app.definitions import mark
from app.settings import PREFIX, Settings

_NAMES = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH")
_PREFIXES = ("LC_", "OPENBLAS_", "OMP_", "MKL_")
# A run process never speaks to the database, and its URL may bear a password.
_WITHHELD = ("database_url",)
_PATHS = ("data_dir", "files_path", "clock_file")


def environment(settings: Settings) -> dict[str, str]:
    """The environment of the forkserver and its children. It guards against mistakes, not against malice."""
    passed = {name: value for name, value in os.environ.items() if name in _NAMES or name.startswith(_PREFIXES)}
    # Room for the mark that a run process writes there.
    return passed | _settings(settings) | {mark.NAME: " " * mark.WIDTH}


def _settings(settings: Settings) -> dict[str, str]:
    texts = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is None or isinstance(value, SecretStr) or name in _WITHHELD:
            continue
        texts[PREFIX + name.upper()] = _text(name, value)
    return texts


def _text(name: str, value: object) -> str:
    if name in _PATHS and value:
        return str(Path(str(value)).absolute())
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
