"""The service's own log: structured lines on stderr, readable on a terminal, JSON elsewhere."""

import logging
import sys
import time

import structlog

_AGAIN_SECONDS = 600
_MOST_KEPT = 1000


class Repeats:
    """Lets a complaint with an `error` through once in ten minutes: what is tried again every second fails every second."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, ...], float] = {}

    def __call__(self, _: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """The event, or DropEvent when it was told in the same words lately."""
        if method not in ("warning", "error") or "error" not in event:
            return event
        said, now = (method, *(f"{name}={value}" for name, value in sorted(event.items()))), time.monotonic()
        if now - self._told.get(said, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            raise structlog.DropEvent
        if len(self._told) >= _MOST_KEPT:
            self._told.clear()
        self._told[said] = now
        return event


def configure(level: str) -> None:
    """Send structlog and the standard library's loggers the same way, from this level up."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[Repeats(), *shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
