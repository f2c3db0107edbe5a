"""Listens for the service: one port, its address in `service.json`, an end in order."""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from app import private
from app.errors import ConfigurationError
from app.settings import Settings
from app.store.occupancy import ADDRESS_FILE

_log = structlog.get_logger("openbell")


def serve(
    app: FastAPI, settings: Settings, listening: socket.socket, begin_stop: Callable[[], object], hurry: Callable[[], None]
) -> None:
    """Answer requests until a signal; `begin_stop` is called then, `hurry` at a second one."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(settings.grace_seconds)),
        lifespan="on",
        ws="none",
    )
    _Server(config, settings, begin_stop, hurry).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Writes where the service listens once it does, for the command line beside it; a second signal stops without grace."""

    def __init__(
        self, config: uvicorn.Config, settings: Settings, begin_stop: Callable[[], object], hurry: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._settings = settings
        self._begin_stop = begin_stop
        self._hurry = hurry
        self._file = settings.data_dir / ADDRESS_FILE
        self._said = ""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            address = f"http://{shown}:{port}"
            self._say({"address": address, "pid": os.getpid(), "host": socket.gethostname(), "stopping": False})
            _log.info("listening", address=address, data_dir=str(self._settings.data_dir))

    def _say(self, facts: dict[str, Any]) -> None:
        text = json.dumps(facts)
        private.write(self._file, text)
        self._said = text

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self.should_exit:
            self._hurry()
        else:
            _log.info("stopping; once more to wait for no run")
        super().handle_exit(sig if not self.should_exit else signal.SIGTERM, frame)

    def _is_ours(self) -> bool:
        """Whether the file says what this process wrote there: another service may have written its own address since."""
        try:
            return bool(self._said) and self._file.read_text() == self._said
        except OSError:
            return False

    async def shutdown(self, sockets: Any = None) -> None:
        # For the command line: nobody answers any more, and why. A disk that is full must keep nobody from stopping.
        with contextlib.suppress(OSError):
            if self._is_ours():
                self._say({**json.loads(self._said), "stopping": True})
        # Not after the last answer: a client that reads slowly, and the runs, have the grace at the same time.
        self._begin_stop()
        # Whoever waits for a run or reads a stream is answered now, or would be waited for.
        self.config.app.state.watch.stop()  # type: ignore[union-attr]  # uvicorn would take a name; ours is the app
        await super().shutdown(sockets)
        if self._is_ours():
            self._file.unlink(missing_ok=True)
        _log.info("stopped")


def listen(settings: Settings) -> socket.socket:
    """A socket on the set port. Raises ConfigurationError when that is not possible."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror or error}.",
            hint="Set OPENBELL_PORT to another port (0: any free one), or stop what listens there.",
        ) from None
    return listening
