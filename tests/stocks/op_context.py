"""Runs ops as a run does, without a service: a real lake over a folder, a clock and a log that a test can look at."""

from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from app.definitions import Cancelled
from app.definitions.lake import Lake
from app.settings import Settings
from tests.stocks.lake_host import MemoryHost


@dataclass
class Log:
    """Keeps what was logged."""

    lines: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def debug(self, message: str, **fields: Any) -> None:
        self.lines.append(("debug", message, fields))

    def info(self, message: str, **fields: Any) -> None:
        self.lines.append(("info", message, fields))

    def warning(self, message: str, **fields: Any) -> None:
        self.lines.append(("warning", message, fields))

    def error(self, message: str, **fields: Any) -> None:
        self.lines.append(("error", message, fields))


@dataclass
class Context:
    """An OpContext of one run."""

    lake: Lake
    settings: Settings
    data_dir: Path
    known: list[date]
    at: datetime
    trade_date: date | None = None
    log: Log = field(default_factory=Log)
    metrics: dict[str, Any] = field(default_factory=dict)
    cancelled: bool = False
    run_id: str = "run"
    job: str = "job"
    node: str = "node"
    attempt: int = 1
    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def scratch(self) -> Path:
        return self.data_dir / "scratch"

    def metric(self, name: str, value: float | int | str | None) -> None:
        self.metrics[name] = value

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise Cancelled

    def sessions(self, calendar: str = "XSHG") -> list[date]:
        return self.known

    def now(self) -> datetime:
        return self.at

    def maintain(self, duty: str) -> dict[str, Any]:
        raise NotImplementedError

    def publish(self) -> int | None:
        raise NotImplementedError


@dataclass
class Bench:
    """A data dir, its lake and the runs over it."""

    data_dir: Path
    known: list[date]
    at: datetime
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.host = MemoryHost(self.data_dir)

    def run(self, **facts: Any) -> Context:
        """The context of a new run on the newest snapshot."""
        settings = Settings(data_dir=self.data_dir, **self.settings)
        return Context(self.host.lake(), settings, self.data_dir, self.known, facts.pop("at", self.at), **facts)

    def publish(self, context: Context) -> str:
        """End a publishing step: published or unchanged. Views are another test's matter."""
        outcome, state = self.host.name(context.lake.publication())
        context.lake.rebase(state)
        return outcome


__all__ = ["Bench", "Context", "Log"]
