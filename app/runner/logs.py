"""One log per run: what ops say through `context.log`, `logging`, `warnings` or structlog arrives as the same lines."""

import logging
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Any, NamedTuple, NoReturn

from app import clock
from app.runner.emitter import Emitter
from app.runner.text import clean, shown
from app.runner.values import to_json

MESSAGE_LIMIT = 16_000
FIELD_LIMIT = 4_000
FIELDS_LIMIT = 50


class _Where(NamedTuple):
    node: str
    attempt: int


class Journal:
    """Writes log lines, each with the step that it came from."""

    def __init__(self, emitter: Emitter) -> None:
        self.emitter = emitter
        self._here: ContextVar[_Where | None] = ContextVar("step", default=None)
        self._running: list[_Where] = []

    @contextmanager
    def attributed(self, node: str, attempt: int) -> Iterator[None]:
        """Lines written in this block are that step's."""
        where = _Where(node, attempt)
        token = self._here.set(where)
        self._running.append(where)
        try:
            yield
        finally:
            self._running.remove(where)
            self._here.reset(token)

    def write(self, level: str, message: Any, fields: dict[str, Any]) -> None:
        """Write one line; whatever the message and the fields are, this does not raise."""
        # A thread that an op started has no step of its own: where only one runs, it is that one's.
        running = self._running
        where = self._here.get() or (running[0] if len(running) == 1 else None)
        self.emitter.log(
            {
                "type": "log",
                "at": clock.iso(clock.now()),
                "level": level,
                "node": where.node if where else None,
                "attempt": where.attempt if where else None,
                "message": shown(message, MESSAGE_LIMIT),
                "fields": {shown(name, 100): _field(value) for name, value in islice(fields.items(), FIELDS_LIMIT)},
            }
        )


class StepLog:
    """`context.log`: a message, and fields as keywords."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def debug(self, message: str, **fields: Any) -> None:
        self._journal.write("debug", message, fields)

    def info(self, message: str, **fields: Any) -> None:
        self._journal.write("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        self._journal.write("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        self._journal.write("error", message, fields)


def install(journal: Journal, level: str) -> None:
    """Lead `logging`, `warnings` and structlog into the journal, from this level on."""
    logging.root.handlers[:] = [_Handler(journal)]
    logging.root.setLevel(level.upper())
    logging.captureWarnings(True)
    _install_structlog(journal, logging.root.level)


def _install_structlog(journal: Journal, level: int) -> None:
    try:
        import structlog
    except ImportError:
        return

    def write(logger: Any, method: str, event: MutableMapping[str, Any]) -> NoReturn:
        fields = dict(event)
        journal.write(method, fields.pop("event", ""), fields)
        raise structlog.DropEvent

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info, write],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.ReturnLoggerFactory(),
    )


class _Handler(logging.Handler):
    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields: dict[str, Any] = {"logger": record.name}
            if record.exc_info:
                fields["exception"] = "".join(traceback.format_exception(*record.exc_info))
            self._journal.write(record.levelname.lower(), record.getMessage(), fields)
        except Exception:
            self.handleError(record)


def _field(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, FIELD_LIMIT)
    try:
        return to_json(value, "the field", limit=FIELD_LIMIT)
    except Exception:
        return shown(value, FIELD_LIMIT)
