"""What the tests of market data share: the exchange's sessions, and a bench on which ops run."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from app.stocks import exchanges
from tests.stocks.op_context import Bench

AFTER_CLOSE = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""20:00 in Shanghai, a Monday with trading."""


@pytest.fixture(scope="session")
def sessions() -> list[date]:
    """Every known session of XSHG, as the service plants them."""
    return list(exchanges.library()[0].sessions)


@pytest.fixture
def bench(tmp_path: Path, sessions: list[date]) -> Callable[..., Bench]:
    """`bench(**settings)`: an empty data dir with these settings, at 20:00 on 2026-11-23 in Shanghai."""

    def make(**settings: Any) -> Bench:
        return Bench(tmp_path, sessions, settings.pop("at", AFTER_CLOSE), settings)

    return make
