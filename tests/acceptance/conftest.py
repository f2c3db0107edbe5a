"""A service with jobs of known behaviour."""

from collections.abc import Callable

import pytest

from tests.acceptance.jobs import MODULES, register
from tests.service import RunningService


@pytest.fixture(scope="session")
def prepared(start_service: Callable[..., RunningService]) -> RunningService:
    """A service that knows the jobs good_job, bad_job and slow_job."""
    service = start_service(op_modules=MODULES, grace_seconds=1)
    register(service)
    return service
