"""The service's own log says once what fails again and again."""

import pytest
import structlog

from app.journal import Repeats


def test_a_complaint_is_made_once_and_another_one_too() -> None:
    repeats = Repeats()
    for error in ("away", "damaged"):
        assert repeats(None, "warning", {"event": "claiming failed", "error": error})
        with pytest.raises(structlog.DropEvent):
            repeats(None, "warning", {"event": "claiming failed", "error": error})


def test_what_is_no_complaint_is_told_each_time() -> None:
    repeats = Repeats()
    for method, event in (("info", {"event": "run", "error": "x"}), ("warning", {"event": "worker lost"})):
        assert [repeats(None, method, dict(event)) for _ in range(2)] == [event, event]
