"""Real services under SIGKILL, for a short while: the long run of the same is `make soak`."""

from pathlib import Path

import pytest

from tests.faults import chaos

pytestmark = pytest.mark.slow


def test_nothing_is_lost_and_nothing_done_twice_whatever_is_killed(database_url: str, tmp_path: Path) -> None:
    plan = chaos.Plan(seed=4, kills=10, seconds=(0.03, 0.15), mean_pause=0.2)
    outcome = chaos.run(tmp_path, database_url, plan)
    assert outcome.passed, outcome
    assert outcome.runs["succeeded"], outcome
    assert outcome.publications, outcome
    assert outcome.kills.keys() - {"child"}, outcome
