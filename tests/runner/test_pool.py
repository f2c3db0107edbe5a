"""Warm processes are kept, worn ones replaced."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.children import Child, ChildPool, ForkServer
from app.errors import Unavailable
from app.settings import Settings
from tests.runner.processes import is_alive, kill
from tests.runner.runs import execute, node


@pytest.fixture
def pool(forkserver: ForkServer, settings: Settings) -> Iterator[ChildPool]:
    pool = ChildPool(forkserver, settings)
    yield pool
    pool.close()


@pytest.fixture
def eager_pool(forkserver: ForkServer, settings: Settings) -> Iterator[ChildPool]:
    """Keeps nothing that is idle."""
    pool = ChildPool(forkserver, settings.model_copy(update={"child_idle_seconds": 0}))
    yield pool
    pool.close()


def test_a_process_is_used_again_after_a_clean_run(pool: ChildPool) -> None:
    child = pool.take()
    assert execute(child, node("a", "one")).value("a") == 1
    pool.give_back(child, 0)
    assert pool.take() is child
    assert execute(child, node("a", "one")).value("a") == 1
    pool.discard(child)


def test_it_is_replaced_after_so_many_runs(pool: ChildPool, settings: Settings) -> None:
    child = pool.take()
    for _ in range(settings.child_runs - 1):
        pool.give_back(child, 0)
        assert pool.take() is child
    pool.give_back(child, 0)
    assert not is_alive(child.pid)


def test_it_is_replaced_when_memory_has_piled_up_in_it(pool: ChildPool, settings: Settings) -> None:
    child = pool.take()
    pool.give_back(child, settings.child_growth_bytes + 1)
    assert not is_alive(child.pid)


@pytest.mark.parametrize("op", ["leaves_a_thread", "leaves_a_grandchild", "leaves_a_daemon"])
def test_one_in_which_an_op_left_something_running_is_not_used_again(pool: ChildPool, op: str, tmp_path: Path) -> None:
    child = pool.take()
    params = {} if op == "leaves_a_thread" else {"mark": str(tmp_path / "mark")}
    # Also when the op ran on a branch of its own.
    ran = execute(child, node("a", op, params=params), node("b", "one"))
    assert ran.one("run_ended")["clean"] is False
    pool.give_back(child, 0)
    assert not is_alive(child.pid)


def test_branches_leave_nothing_behind(pool: ChildPool) -> None:
    child = pool.take()
    assert execute(child, node("a", "one"), node("b", "starts_a_program")).one("run_ended")["clean"] is True
    pool.discard(child)


def test_one_that_ended_while_it_was_idle_is_not_lent(pool: ChildPool, wait_until: Callable[..., Any]) -> None:
    child = pool.take()
    pool.give_back(child, 0)
    kill(child.pid)
    wait_until(lambda: child.receive(0).exit)
    other = pool.take()
    assert execute(other, node("a", "one")).value("a") == 1
    pool.discard(other)


def test_no_more_are_kept_than_runs_can_be_at_once(pool: ChildPool, settings: Settings) -> None:
    children = [pool.take() for _ in range(settings.slots + 1)]
    for child in children:
        pool.give_back(child, 0)
    assert [is_alive(child.pid) for child in children] == [True, True, False]


def test_idle_ones_are_ended(pool: ChildPool, eager_pool: ChildPool) -> None:
    kept, reaped = pool.take(), eager_pool.take()
    pool.give_back(kept, 0)
    eager_pool.give_back(reaped, 0)
    assert (pool.reap_idle(), eager_pool.reap_idle()) == (0, 1)
    assert is_alive(kept.pid)
    assert not is_alive(reaped.pid)


def test_discarding_ends_what_a_run_left_running(pool: ChildPool) -> None:
    child = pool.take()
    pool.discard(child)
    assert not is_alive(child.pid)
    pool.discard(child)


def test_one_is_warm_before_anyone_asks(pool: ChildPool, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., Any]) -> None:
    pool.start()
    wait_until(lambda: pool._idle)
    with monkeypatch.context() as patch:
        patch.setattr(Child, "start", None)
        pool.discard(pool.take())


def test_a_closed_pool_lends_nothing_and_keeps_nothing(pool: ChildPool) -> None:
    idle, lent = pool.take(), pool.take()
    pool.give_back(idle, 0)
    pool.close()
    assert not is_alive(idle.pid)
    with pytest.raises(Unavailable):
        pool.take()
    pool.give_back(lent, 0)
    assert not is_alive(lent.pid)
