"""A TCP proxy in front of a database, which can refuse, reset, or swallow everything that is said."""

import contextlib
import socket
import struct
import threading
from typing import Literal

Mode = Literal["ok", "refuse", "reset", "blackhole"]
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Passes connections on to a socket of the file system. A mode holds for connections old and new, at once."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._passing = threading.Event()
        self._passing.set()
        self._mode: Mode = "ok"
        self._closed = False
        self._listening = self._listen(0)
        self.port: int = self._listening.getsockname()[1]

    def _listen(self, port: int) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
        return listening

    def become(self, mode: Mode) -> None:
        """Change how the database seems to be. Swallowed bytes are lost: what hung is reset when it passes again."""
        with self._lock:
            before, self._mode = self._mode, mode
            if mode == "blackhole":
                self._passing.clear()
                return
            broken, self._open = self._open, set()
        if before == "refuse" and mode != "refuse":
            self._listening = self._listen(self.port)
        elif mode == "refuse":
            _shut(self._listening)
        for one in broken:
            _break(one)
        self._passing.set()

    def close(self) -> None:
        """Let go of everything."""
        self.become("refuse")

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                if self._mode == "reset":
                    _break(client)
                    continue
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(self._target)
                except OSError:
                    client.close()
                    server.close()
                    continue
                with self._lock:
                    self._open |= {client, server}
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self._passing.wait()
                other.sendall(data)
        with self._lock:
            self._open -= {one, other}
        _shut(one)
        _shut(other)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _break(one: socket.socket) -> None:
    # Whoever passes bytes between two may have closed it meanwhile, or waits in it: then the kernel would keep it open.
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        one.shutdown(socket.SHUT_RD)
    one.close()
