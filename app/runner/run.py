"""What the steps of one run share."""

import threading
from collections.abc import Callable
from datetime import date
from functools import cached_property
from typing import Any

from app.definitions.messages import RunSpec
from app.runner.frames import Frames
from app.runner.graph import Node, build
from app.runner.lake import RunLake
from app.runner.logs import Journal
from app.settings import Settings


class Run:
    """One attempt of a run in this process."""

    attempt: Callable[[Node, "Run"], None]
    """How a step is tried once, beside others; whoever executes the run says so. A publication has earlier steps tried again."""

    def __init__(self, spec: RunSpec, journal: Journal, settings: Settings, cancelled: threading.Event) -> None:
        self.spec = spec
        self.journal = journal
        self.emitter = journal.emitter
        self.settings = settings
        self.cancelled = cancelled
        self.scratch = settings.data_dir / "scratch" / spec["id"]
        self.frames = Frames(settings.data_dir, spec["id"])
        self.nodes = build(spec, settings.data_dir)
        restored = [file for node in self.nodes if node.status == "succeeded" for file in node.spec["staged"]]
        self.lake = RunLake(restored, self.emitter, settings.data_dir)
        self._sessions: dict[str, list[date]] = {}

    @cached_property
    def trade_date(self) -> date | None:
        """The market day that the run is about."""
        text = self.spec["trade_date"]
        return date.fromisoformat(text) if text else None

    def sessions(self, calendar: str) -> list[date]:
        """Every known session of the calendar, asked once."""
        if calendar not in self._sessions:
            answer: list[Any] = self.emitter.ask("sessions", {"calendar": calendar})
            self._sessions[calendar] = [date.fromisoformat(text) for text in answer]
        return list(self._sessions[calendar])
