"""The worker: claims no more runs than it has free slots, gives each to a slot, drains when it is to stop."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from uuid_utils import uuid7

from app import clock
from app.definitions.catalogue import Catalogue
from app.engine import leftovers, liveness
from app.engine.children import ChildPool
from app.engine.lease import Lease
from app.engine.logs import RunLog
from app.engine.plan import Plan, Planner
from app.engine.slots import Slots
from app.engine.supervisor import Supervisor
from app.errors import LeaseLost, OpenbellError, Unavailable
from app.settings import Settings
from app.store import claims, endings, workers
from app.store.changes import QUEUE
from app.store.database import Connection, Database
from app.store.fence import Fence
from app.store.status import Reason

_log = structlog.get_logger("openbell.worker")
SLOTS = "slots"
_HAND_BACK_SECONDS = 10
_SHOWN = 10
_LOOK_AGAIN_SECONDS = 0.05
"""How long after a claim the queue is looked at again: what was claimed has the processor first."""
_STRAY = "Nobody supervised it: a write or its answer was lost on the way to the database."


class Worker:
    """One registered process with a lease and a number of slots."""

    def __init__(
        self,
        database: Database,
        children: ChildPool,
        scheduler: BackgroundScheduler,
        settings: Settings,
        lost: Callable[["Worker"], None],
        maintain: Callable[[str], dict[str, Any]],
    ) -> None:
        self.id = str(uuid7())  # new at each start: a restarted worker must not look like its dead attempt
        self._database = database
        self._children = children
        self._scheduler = scheduler
        self._settings = settings
        self._lost = lost
        self._maintain = maintain
        self._planner = Planner(Catalogue())
        self._versions: dict[str, str] = {}
        self._slots = Slots(settings.slots)
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._hurried = threading.Event()
        self._lack: str | None = None
        self._looked = 0.0
        self._crowded = False
        self.lease = Lease(database, self.id, settings, self._lose_everything)
        self._thread = threading.Thread(target=self._dispatching, name="dispatcher", daemon=True)

    def start(self, version: str) -> None:
        """Register, hold the lock file, begin to beat. Nothing is claimed before the catalogue is known."""
        self._lock_file = liveness.hold(self._settings.data_dir, self.id)
        self._database.write(
            lambda connection: workers.register(
                connection,
                self.id,
                host=socket.gethostname(),
                pid=os.getpid(),
                roles=list(self._settings.roles),
                slots=self._settings.slots,
                version=version,
                lease=timedelta(seconds=self._settings.lease_seconds),
            )
        )
        self.lease.start()

    def serve(self, catalogue: Catalogue, digest: str) -> None:
        """Begin to claim runs whose ops are in this catalogue."""
        self._planner = Planner(catalogue)
        self._versions = {spec.name: spec.code_version for spec in catalogue.ops}
        self._database.write(lambda connection: workers.set_catalogue(connection, self.id, digest))
        with self._database.read() as connection:
            for who, ops in workers.others(connection, self.id, digest):
                _log.warning("another worker has other ops: give all the same modules and code", worker=who, ops=ops[:_SHOWN])
        self._thread.start()

    def stop(self) -> None:
        """Claim nothing more, let runs end for the grace, hand the others back, deregister."""
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join()
        if running := len(self._slots.supervisors):
            _log.info("waiting for runs to end", runs=running, seconds=self._settings.grace_seconds)
        self._drain(self._settings.grace_seconds, self._hurried)
        self._slots.end(Supervisor.hand_back)
        self._drain(_HAND_BACK_SECONDS)
        # What could not be handed back by now writes nothing more: the database is away, and others take it over later.
        self._slots.end(Supervisor.kill)
        self.lease.stop()
        try:
            self._database.write(lambda connection: workers.deregister(connection, self.id))
        except Unavailable as error:
            _log.error("stopped without a word to the database; the runs are taken up again later", error=str(error))
        liveness.let_go(self._settings.data_dir, self.id, self._lock_file)

    def hurry(self) -> None:
        """Wait for no run any more: hand them all back at once."""
        self._hurried.set()
        self._woken.set()

    def _drain(self, seconds: float, cut_short: threading.Event | None = None) -> None:
        until = time.monotonic() + seconds
        while self._is_busy(cut_short) and (left := until - time.monotonic()) > 0:
            self._woken.clear()
            if self._is_busy(cut_short):
                self._woken.wait(left)

    def _is_busy(self, cut_short: threading.Event | None) -> bool:
        return bool(self._slots.supervisors) and not (cut_short is not None and cut_short.is_set())

    def _dispatching(self) -> None:
        with self._database.changes.listening(QUEUE, self._woken.set):
            while not self._stopping.is_set():
                self._woken.clear()
                try:
                    wait = self._claim_all()
                except Exception as error:
                    _log.warning("claiming failed", error=str(error))
                    wait = self._settings.poll_seconds
                self._woken.wait(wait)

    def _claim_all(self) -> float:
        """Fill the free slots; answers how long to sleep if nothing wakes us."""
        if time.monotonic() - self._looked >= self._settings.poll_seconds:
            self._looked = time.monotonic()
            self._hand_back_strays()
        free = self._slots.free
        if free <= 0 or self._lacks_room():
            return self._settings.poll_seconds
        plans = self._database.write(lambda connection: self._claim(connection, free))
        for planned in plans:
            self._execute(planned)
        self._crowded = len(plans) == free
        return _LOOK_AGAIN_SECONDS if plans else self._sleep()

    def _lacks_room(self) -> bool:
        """Whether the disk has no room for a run to begin; said once when that changes."""
        ballast = self._database.ballast
        lack = ballast.lack() if ballast is not None else None
        if (lack is None) != (self._lack is None):
            _log.warning("no run begins", waiting_for=lack) if lack else _log.info("there is room again: runs begin")
        self._lack = lack
        return lack is not None

    def _claim(self, connection: Connection, free: int) -> list[Plan]:
        """Claim as many runs as there are free slots, no more: a hoarded run waits while another worker idles."""
        plans: list[Plan] = []
        if self._stopping.is_set():
            return plans
        for claimed in claims.claim(connection, self.id, self._versions, free):
            try:
                plans.append(self._planner.plan(connection, claimed))
            except OpenbellError as error:
                _log.error("a claimed run has no plan", run=claimed.fence.run_id, error=str(error))
                endings.settle(connection, claimed.fence, (Reason.exception, str(error)))
        return plans

    def _sleep(self) -> float:
        now = clock.now()
        with self._database.read() as connection:
            due = claims.next_due(connection, now)
        seconds = (due - now).total_seconds() if due else self._settings.poll_seconds
        return min(max(seconds, 0.0), self._settings.poll_seconds)

    def _following(self, supervisor: Supervisor, connection: Connection) -> Plan | None:
        """What the slot that ends a run takes next, in the same commit, while more runs wait than there are slots."""
        if not self._crowded:
            return None
        plans = self._claim(connection, 1)
        self._crowded = bool(plans)
        for planned in plans:
            self._slots.expect(supervisor, planned.fence)
        return plans[0] if plans else None

    def _supervisor(self, planned: Plan) -> Supervisor:
        fence = planned.fence
        log = RunLog(self._settings.data_dir, fence.run_id, fence.attempt)
        seconds = self._settings.grace_seconds
        return Supervisor(self._database, self._children, planned, log, seconds, self._following, self._maintain)

    def _execute(self, planned: Plan) -> None:
        """Give a claimed run to a slot."""
        fence, supervisor = planned.fence, self._supervisor(planned)
        self._slots.fill(supervisor)
        self._scheduler.add_job(
            self._occupy, args=(supervisor,), executor=SLOTS, id=f"{fence.run_id}.{fence.attempt}", misfire_grace_time=None
        )

    def _occupy(self, supervisor: Supervisor) -> None:
        """One slot: a run, and those that follow it."""
        while (planned := self._supervise(supervisor)) is not None:
            following = self._supervisor(planned)
            self._slots.fill(following, after=supervisor)
            supervisor = following
        full = self._slots.empty(supervisor)
        # With a slot to spare the dispatcher was woken by the run's end itself.
        if full or self._stopping.is_set():
            self._woken.set()

    def _supervise(self, supervisor: Supervisor) -> Plan | None:
        try:
            return supervisor.run()
        except Unavailable as error:
            _log.error("the database was away; the run is taken up again later", run=supervisor.fence.run_id, error=str(error))
        except Exception:
            _log.exception("supervising failed; the run is given back", run=supervisor.fence.run_id)
            self._give_back(supervisor.fence)
        return None

    def _give_back(self, fence: Fence) -> None:
        """A fault of ours counts as a lost child, so that it cannot loop for ever."""
        error = {"type": "internal_error", "message": "The worker could not supervise the run; its own log says why."}
        try:
            self._database.write(lambda connection: endings.lose(connection, fence, Reason.interrupted, error))
        except (LeaseLost, OpenbellError) as failed:
            _log.error("the run is taken up again later", run=fence.run_id, error=str(failed))

    def _hand_back_strays(self) -> None:
        """Runs that are ours by the database and that nobody here supervises: a write or its answer was lost on the way.

        Only the dispatcher comes here, and what it claimed itself it supervises by now.
        """
        with self._database.read() as connection:
            held = claims.held_by(connection, self.id)
        for fence in self._slots.strays(held):
            _log.warning("a run without a supervisor is handed back", run=fence.run_id, attempt=fence.attempt)
            with contextlib.suppress(LeaseLost):
                self._database.write(partial(endings.hand_back, fence=fence, why=_STRAY))

    def _lose_everything(self) -> None:
        """The lease is gone: end every run process before another worker begins their runs again."""
        self._stopping.set()
        self._woken.set()
        supervisors = self._slots.end(Supervisor.kill)
        leftovers.end_attempts(supervisor.fence for supervisor in supervisors)
        self._drain(self._settings.lease_seconds)
        # Its file is swept by whoever looks next: this process goes on, and the kernel would hold it for as long.
        self._lock_file.release()
        self._lost(self)
