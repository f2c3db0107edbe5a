"""The worker's handle of its forkserver: keeps one running, and asks it for run processes."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import NamedTuple, Self

from app.engine.environment import environment
from app.errors import Unavailable
from app.settings import Settings

log = logging.getLogger(__name__)

IMPORT_SECONDS = 120
"""How long the import of one op module may take before it counts as broken."""

# An import that ends the process once may have been in the way of an out-of-memory killer; one that does it twice is broken.
_STRIKES = 2
_PAUSE_SECONDS = (0.1, 1, 5)
_STOP_SECONDS = 3
_CODE = (
    "import json, sys; control, worker, sys.path[:], blocked = json.loads(sys.argv.pop()); "
    "from app.runner.forkserver import main; main(control, worker, blocked)"
)


class Forked(NamedTuple):
    """The worker's ends of a run process that was asked for."""

    stream: socket.socket
    bell: int
    output: int
    status: int


class ForkServer:
    """One forkserver process, started again should it end. Made by `start`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._environment = environment(settings)
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._preloaded = False
        self._stopping = threading.Event()
        self._strikes: Counter[str] = Counter()
        self._blocked: dict[str, str] = {}
        # The kernel ends the forkserver with the *thread* that forked it, so that thread does nothing else and stays.
        self._keeper = threading.Thread(target=self._keep, name="forkserver", daemon=True)

    @classmethod
    def start(cls, settings: Settings) -> Self:
        """Start a forkserver that imports the op modules of these settings; does not wait until it has."""
        server = cls(settings)
        server._keeper.start()
        return server

    @property
    def pid(self) -> int | None:
        """The process id of the forkserver, once it runs."""
        return self._process.pid if self._process else None

    def fork(self, timeout: float) -> Forked:
        """Ask for a run process. Raises Unavailable when no forkserver has finished its imports within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        ours, theirs = socket.socketpair()
        bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        output, their_output = os.pipe()
        status, their_status = os.pipe()
        try:
            self._request([theirs.fileno(), bell, their_output, their_status], deadline)
        except BaseException:
            ours.close()
            for descriptor in (bell, output, status):
                os.close(descriptor)
            raise
        finally:
            theirs.close()
            os.close(their_output)
            os.close(their_status)
        return Forked(ours, bell, output, status)

    def stop(self) -> None:
        """End the forkserver, its children and all that they started."""
        self._stopping.set()
        with self._changed:
            if self._control is not None:
                self._control.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()
        self._keeper.join()

    def _request(self, descriptors: list[int], deadline: float) -> None:
        with self._changed:
            while True:
                if self._stopping.is_set():
                    raise Unavailable("The forkserver has been stopped.")
                if self._preloaded and self._control is not None:
                    try:
                        socket.send_fds(self._control, [b"f"], descriptors)
                        return
                    except (BrokenPipeError, ConnectionResetError):
                        # It has ended; the keeper is about to notice, and starts another.
                        self._preloaded = False
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    raise Unavailable("The op modules are still being imported.")

    def _keep(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            try:
                module = self._serve_once()
            except OSError as error:
                log.error("no forkserver could be started: %s", error)
                module = ""
            deaths = 0 if module is None else deaths + 1
            self._stopping.wait(_PAUSE_SECONDS[min(deaths, len(_PAUSE_SECONDS) - 1)])

    def _serve_once(self) -> str | None:
        """One forkserver from start to end; the module that it was importing then, None when it had imported all."""
        control, process = self._launch()
        module = self._listen(control)
        self._end(control, process)
        if not self._stopping.is_set():
            self._blame(module, process.returncode)
        return module

    def _launch(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair()
        start = json.dumps([theirs.fileno(), os.getpid(), sys.path, self._blocked])
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE, start],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            # Ctrl-C on the terminal does not reach it.
            start_new_session=True,
        )
        theirs.close()
        with self._changed:
            self._process, self._control, self._preloaded = process, ours, False
            if self._stopping.is_set():
                ours.shutdown(socket.SHUT_RDWR)
        return ours, process

    def _listen(self, control: socket.socket) -> str | None:
        """Hear what the forkserver imports until it is gone or hangs."""
        module, lines = "", b""
        while True:
            try:
                data = control.recv(4096)
            except TimeoutError:
                return module
            except OSError:
                data = b""
            if not data:
                return None if self._preloaded else module
            *names, lines = (lines + data).split(b"\n")
            module = names[-1].decode() if names else module
            control.settimeout(IMPORT_SECONDS if module else None)
            if names and not module:
                with self._changed:
                    self._preloaded = True
                    self._changed.notify_all()

    def _end(self, control: socket.socket, process: subprocess.Popen[bytes]) -> None:
        with self._changed:
            had_children, self._control, self._preloaded = self._preloaded, None, False
        control.close()
        try:
            # It ends its children first; one that is at its imports has none, and may hang.
            process.wait(_STOP_SECONDS if had_children else 0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _blame(self, module: str | None, code: int) -> None:
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        log.error("the forkserver ended (%s)%s; it is started again", how, f" while it imported {module}" if module else "")
        if module:
            self._strikes[module] += 1
            if self._strikes[module] >= _STRIKES:
                self._blocked[module] = f"importing it ended the process ({how}), or took longer than {IMPORT_SECONDS} s"
