"""The process that imports everything once and then forks a run process for every request.

The worker speaks to it over one socket: a byte is a request, with the child's stream, bell, output pipe and status pipe
as descriptors; the socket's end is the worker's end, whatever ended it. Our own, and not multiprocessing's, because that one
hands the worker's whole environment on, imports the worker's main script into every child, starts itself again from
whichever thread asks, and reaps a child before anyone can end what the child had started.
"""

import contextlib
import os
import selectors
import signal
import socket
import sys
from typing import NoReturn

from app.definitions.framing import STATUS
from app.runner import child
from app.runner.orphans import adopt, end_group, end_with_parent, outlive_parent, own_children
from app.runner.preload import preload
from app.settings import Settings


def main(control: int, worker: int, blocked: dict[str, str]) -> None:
    """Import everything, then fork on request until the worker is gone; then end every child with what it had started.

    Each op module's name is a line to the worker before its import; an empty line says that all are imported. `blocked`:
    modules that are not imported, and why.
    """
    # An import may hang, and then nobody here would hear of the worker's end.
    end_with_parent(worker)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The worker put into the environment what a child may know; a .env file would say more.
    settings = Settings(_env_file=None)
    with socket.socket(fileno=control) as requests:
        preload(settings.modules, blocked, announce=lambda module: requests.sendall(f"{module}\n".encode()))
        requests.sendall(b"\n")
        outlive_parent()
        adopt()
        forks = _Forks(requests, settings)
        forks.serve()
        forks.end()


class _Forks:
    def __init__(self, requests: socket.socket, settings: Settings) -> None:
        self._requests = requests
        self._settings = settings
        self._status: dict[int, int] = {}
        self._selector = selectors.DefaultSelector()
        self._ended, self._waker = socket.socketpair()
        for end in (self._ended, self._waker):
            end.setblocking(False)

    def serve(self) -> None:
        """Fork on request until the worker is gone."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._requests, selectors.EVENT_READ)
        self._selector.register(self._ended, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in self._selector.select()}
            if self._ended in ready:
                self._ended.recv(4096)
                self._reap()
            if self._requests in ready and not self._answer():
                return

    def end(self) -> None:
        """Kill every child and what it had started, to the last one that is adopted from them."""
        for pid in self._status:
            end_group(pid)
        while children := own_children():
            for pid in children:
                _end(pid)
            os.waitpid(-1, 0)

    def _answer(self) -> bool:
        try:
            request, descriptors, _, _ = socket.recv_fds(self._requests, 1, 4)
        except ConnectionResetError:
            # A worker that ends with a line of ours unread: its end says so instead of saying nothing.
            return False
        if not request:
            return False
        *descriptors, status = descriptors
        forkserver = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(descriptors, status, forkserver)
        # Also here, or the worker could end the group before the child has made it.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        self._status[pid] = status
        _tell(status, pid)
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _become_child(self, descriptors: list[int], status: int, forkserver: int) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            for end in (self._requests, self._ended, self._waker):
                end.close()
            for descriptor in (status, *self._status.values()):
                os.close(descriptor)
            stream, bell, output = descriptors
            code = child.main(stream, bell, output, forkserver, self._settings)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)

    def _reap(self) -> None:
        # Looked at first and reaped last: until then its id names this group and no other, so what it left can be ended.
        while (ended := _look()) is not None:
            if ended in self._status:
                end_group(ended)
            _, code = os.waitpid(ended, 0)
            if (status := self._status.pop(ended, None)) is not None:
                _tell(status, os.waitstatus_to_exitcode(code))
                os.close(status)
        # Adopted when a run process ended: a daemon of an op, out of its group.
        for pid in own_children():
            if pid not in self._status:
                _end(pid)


def _look() -> int | None:
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return ended.si_pid if ended else None


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _tell(status: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(status, STATUS.pack(number))
