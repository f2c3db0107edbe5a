"""Whatever is killed at whatever commit, move, link or fsync: started again, everything comes to its right end.

A few points by CRASH_SEED each time; `make soak-crash` takes them all.
"""

from collections.abc import Iterator
from functools import partial
from itertools import count

import psycopg
import pytest

from app.store.migrate import upgrade
from tests.faults.crash_checks import check, check_workers
from tests.faults.crash_loop import ALL, SEED, crash_everywhere
from tests.faults.crash_scenarios import SCENARIOS, Scenario
from tests.faults.crash_stage import Crashed, Plan, Role, Side, Stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if ALL else 180)]
_keys = count(1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One data dir and database for all scenarios: whoever comes to its right end leaves it fit for the next."""
    folder = tmp_path_factory.mktemp("stage")
    url = f"sqlite:///{folder / 'openbell.db'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        name = f"crashes_{next(_keys)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url = server.replace("/postgres?", f"/{name}?")
    stage = Stage(url, folder)
    upgrade(stage.database.engine)
    yield stage.start()
    stage.stop()
    check_workers(stage.database, stage.data_dir, living=0)
    stage.close()


def once(stage: Stage, scenario: Scenario, role: Role, number: int, side: Side) -> Plan:
    """The work with a crash at that point, and again after it."""
    key = str(next(_keys))
    scenario.prepare(stage, key)
    died = False
    with Plan(stage.folder, role, number, side).armed() as plan:
        try:
            made = scenario.act(stage, key)
        except Crashed:
            died = True
    if plan.crashed and role == "service":
        if not died:  # the end of the work was seen before the crash behind its last commit
            stage.await_crash()
        stage.start()
        made = scenario.act(stage, key)
    try:
        check(stage.database, stage.data_dir, scenario, made, key)
        check_workers(stage.database, stage.data_dir, living=1)
    except AssertionError as error:
        error.add_note(f"after {plan}; CRASH_SEED={SEED}")
        raise
    return plan


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_work_comes_to_its_right_end_whatever_commit_the_service_dies_at(stage: Stage, scenario: Scenario) -> None:
    scenario.register(stage)
    what = f"{scenario.name} on {stage.database.engine.dialect.name}"
    crash_everywhere(what, partial(once, stage, scenario), "service", some=1)


def test_a_publication_happens_once_and_whole_whatever_file_its_process_dies_at(stage: Stage) -> None:
    [scenario] = [scenario for scenario in SCENARIOS if scenario.publishes]
    scenario.register(stage)
    what = f"{scenario.name} on {stage.database.engine.dialect.name}"
    crash_everywhere(what, partial(once, stage, scenario), "child", some=2)
