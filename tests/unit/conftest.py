"""Unit tests: no files, no processes, no database; and a registry of the test's own."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from app.definitions import registry

# The machine may be busy: how long an example takes is no verdict.
settings.register_profile("unit", deadline=None, max_examples=60)
settings.load_profile("unit")


@pytest.fixture
def empty_registry() -> Iterator[None]:
    """Nothing is registered at the test's begin, and what was is again at its end."""
    before = registry.clear()
    yield
    registry.restore(before)
