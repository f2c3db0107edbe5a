"""`{"$secret": "NAME"}` among params becomes the secret's value, on the way to the one process that needs it."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from app.definitions.params import SECRET, is_secret
from app.errors import ConfigurationError
from app.settings import SECRET_PREFIX


def from_environment(name: str) -> str:
    """The secret's value. Raises ConfigurationError, which names the variable and never a value."""
    variable = SECRET_PREFIX + name.upper()
    try:
        return os.environ[variable]
    except KeyError:
        raise ConfigurationError(f"The secret {name!r} is not set.", hint=f"Set {variable} where the worker starts.") from None


def revealed(params: Mapping[str, Any], value_of: Callable[[str], str] = from_environment) -> dict[str, Any]:
    """The params with each secret's value in place of its name. What is stored and shown keeps the name."""
    return {name: value_of(value[SECRET]) if is_secret(value) else value for name, value in params.items()}
