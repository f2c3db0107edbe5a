"""Wires what happens: run processes, the worker, the reaper, and APScheduler as clock and pool of slots."""

import threading
from collections.abc import Callable
from functools import partial

import structlog
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from app.definitions.catalogue import Catalogue
from app.engine import answers, upkeep
from app.engine.children import ChildPool, QueryChild
from app.engine.duty import Duty
from app.engine.executor import SlotExecutor
from app.engine.forkserver import ForkServer
from app.engine.lookout import Lookout
from app.engine.maintenance import Maintenance
from app.engine.reaper import Reaper
from app.engine.timekeeper import Timekeeper
from app.engine.watcher import Watcher
from app.engine.worker import SLOTS, Worker
from app.errors import Unavailable
from app.settings import Settings
from app.store import catalogue, lake
from app.store.changes import LAKE, TIMES
from app.store.database import Database

_log = structlog.get_logger("openbell.engine")
_IDLE_CHECK_SECONDS = 5
_VIEW_CHECK_SECONDS = 5


class Engine:
    """Everything behind the faces. In every role there is a query child; a worker's role adds the rest."""

    def __init__(self, database: Database, settings: Settings, version: str, forkserver: ForkServer) -> None:
        self._database = database
        self._settings = settings
        self._version = version
        self._forkserver = forkserver
        self._is_worker = "worker" in settings.roles
        self._stopping = threading.Event()
        self._replacing = threading.Lock()
        self._duties: list[Duty] = []
        self._readers_file = upkeep.ReadersFile(settings.data_dir)
        self._served: tuple[Catalogue, str] | None = None
        self._behind = 0
        self.catalogue: Catalogue | None = None
        self.worker: Worker | None = None

    def start(self, learned: Callable[[Catalogue], None]) -> None:
        """Start all of it. `learned` is called once with the catalogue, before any run of it is claimed."""
        self.queries = QueryChild(self._forkserver, answers.newest(self._database))
        self._children = ChildPool(self._forkserver, self._settings)
        self._watcher = Watcher(self._database)
        self._watcher.start()
        self._holding = Duty("readers-file", self._database.changes, LAKE, self._readers_file.look)
        self._holding.start()
        self._scheduler = _scheduler(self._settings.slots)
        self._scheduler.add_job(self.queries.reap_idle, "interval", seconds=_IDLE_CHECK_SECONDS, id="idle-query-child")
        self._scheduler.start()
        if self._is_worker:
            self._begin_work()
        self._learning = threading.Thread(target=self._learn, args=(learned,), name="catalogue", daemon=True)
        self._learning.start()

    def _begin_work(self) -> None:
        self._children.start()
        self._scheduler.add_job(self._children.reap_idle, "interval", seconds=_IDLE_CHECK_SECONDS, id="idle-children")
        tidy = partial(upkeep.tidy_lake, self._database, self.queries)
        self._scheduler.add_job(tidy, "interval", seconds=upkeep.TIDY_SECONDS, id="tidy-lake")
        self._scheduler.add_job(self._catch_up, "interval", seconds=_VIEW_CHECK_SECONDS, id="view")
        self.worker = self._new_worker()
        self._reaper = Reaper(self._database, self._settings, self._own)
        self._reaper.run_once()
        self._reaper.start()

    def _own(self) -> str:
        return self.worker.id if self.worker else ""

    def _new_worker(self) -> Worker:
        maintain = Maintenance(self._database, self._settings, self._version, self.queries).do
        worker = Worker(self._database, self._children, self._scheduler, self._settings, self._replace_worker, maintain)
        worker.start(self._version)
        return worker

    def _learn(self, learned: Callable[[Catalogue], None]) -> None:
        """Ask a child what exists; tell the database; then begin to work. Again, for as long as one of the two is away."""
        found: Catalogue | None = None
        while not self._stopping.is_set():
            try:
                found = found or self._described()
                self._begin_with(found, learned)
                return
            except Unavailable as error:
                _log.warning("the op modules are not known yet", error=str(error))
                self._stopping.wait(1)

    def _described(self) -> Catalogue:
        found = self.queries.describe()
        for broken in found.broken:
            _log.error("op module is broken", module=broken.module, error=broken.error)
        return found

    def _begin_with(self, found: Catalogue, learned: Callable[[Catalogue], None]) -> None:
        digest = self._database.write(lambda connection: catalogue.save(connection, found))
        try:
            learned(found)
        except Unavailable:
            raise
        except Exception:
            # What was already there can still be run; a start must not hang on what it brings along.
            _log.exception("what the op modules bring along was not planted")
        # Ready from here on: whoever waited for that finds the shipped jobs.
        self.catalogue = found
        self._reveal()
        if "scheduler" in self._settings.roles and not self._duties:
            self._keep_time()
        if self._is_worker:
            # Before a run begins: what one left half written is then nobody's.
            upkeep.tidy_lake(self._database, self.queries)
        with self._replacing:
            if self.worker is not None:
                self.worker.serve(found, digest)
            self._served = found, digest

    def _keep_time(self) -> None:
        changes, lookout = self._database.changes, Lookout(self._database, self.queries, self._stopping)
        self._duties = [
            Duty("timekeeper", changes, TIMES, Timekeeper(self._database).look),
            Duty("lookout", changes, TIMES, lookout.look),
        ]
        for duty in self._duties:
            duty.start()

    def _catch_up(self) -> None:
        """Readers must not wait for the next publication or start; what is behind at two looks, no child is about to show."""
        if self.catalogue is None:
            return  # the op modules are still being imported; then it is done anyway
        try:
            with self._database.read() as connection:
                newest = lake.newest(connection)
                nobody_shows = lake.is_restore(connection, newest)
        except Unavailable:
            return
        behind = newest if self._shown() < newest else 0
        if behind and (nobody_shows or behind == self._behind):
            self._reveal()
        self._behind = behind

    def _shown(self) -> int:
        """The snapshot that `current` points at; 0 for none."""
        try:
            return int((self._settings.data_dir / "current").readlink().name)
        except (OSError, ValueError):
            return 0

    def _reveal(self) -> None:
        """A child that was killed after its snapshot was committed left the readers' link behind."""
        with self._database.read() as connection:
            number = lake.newest(connection)
            state = lake.state(connection, number)
        if number:
            try:
                self.queries.reveal(state)
            except Unavailable as error:
                _log.warning("the view of the newest snapshot was not made", snapshot=number, error=str(error))

    def _replace_worker(self, lost: Worker) -> None:
        """A worker that lost its lease is never trusted again: another begins, under a new id."""
        with self._replacing:
            while not self._stopping.is_set() and self.worker is lost:
                try:
                    self.worker = self._new_worker()
                except Exception as error:
                    _log.warning("no new worker yet", error=str(error))
                    self._stopping.wait(1)
            # One that is lost before the catalogue is known is replaced as well; what is learned then is told to the new one.
            while not self._stopping.is_set() and self.worker is not None and self._served is not None:
                try:
                    self.worker.serve(*self._served)
                    break
                except Exception as error:
                    _log.warning("the new worker does not claim yet", error=str(error))
                    self._stopping.wait(1)

    def daily(self, duty: Callable[[], object], name: str) -> None:
        """Do this once a day from now on, the first time in a day."""
        self._scheduler.add_job(duty, "interval", days=1, id=name, replace_existing=True)

    def hurry(self) -> None:
        """Wait for no run while stopping."""
        if self.worker is not None:
            self.worker.hurry()

    def stop(self) -> None:
        """Stop claiming, drain, hand back, deregister; then end the processes. The database is closed by its owner, last."""
        self._stopping.set()
        for duty in (*self._duties, self._holding):
            duty.stop()
        if self.worker is not None:
            self.worker.stop()
            self._reaper.stop()
        self._scheduler.shutdown(wait=False)
        self._children.close()
        # Its children end with it, so that whoever waits for a query's answer is told at once.
        self._forkserver.stop()
        self.queries.close()
        self._watcher.stop()
        self._learning.join(timeout=5)
        self._readers_file.let_go()

    def checks(self) -> dict[str, bool]:
        """What this process needs for its work, and whether it has it."""
        found = {"ops": self.catalogue is not None}
        if self.worker is not None:
            found["lease"] = self.worker.lease.age < self._settings.lease_seconds
        return found


def _scheduler(slots: int) -> BackgroundScheduler:
    """APScheduler with a memory store only: its persistent one pickles, and drops what it cannot load."""
    return BackgroundScheduler(
        timezone="UTC",
        jobstores={"default": MemoryJobStore()},
        executors={"default": {"type": "threadpool", "max_workers": 2}, SLOTS: SlotExecutor(slots)},
        job_defaults={"misfire_grace_time": None, "coalesce": True},
    )
