"""How late and how often: the arithmetic of Dagster's RetryPolicy, as numbers."""

import random
from datetime import timedelta

import pytest
from pydantic import ValidationError

from app.definitions.retry import RetryPolicy


class Draws(random.Random):
    """A random number generator whose every draw is known."""

    def __init__(self, draw: float) -> None:
        super().__init__()
        self.draw = draw

    def random(self) -> float:
        return self.draw


@pytest.mark.parametrize(
    ("backoff", "seconds"),
    [
        ("fixed", [10, 10, 10, 10, 10, 10]),
        ("linear", [10, 20, 30, 40, 50, 60]),
        ("exponential", [10, 30, 70, 150, 310, 630]),
    ],
)
def test_delays_grow(backoff: str, seconds: list[float]) -> None:
    policy = RetryPolicy(max_retries=6, delay=10, backoff=backoff)
    assert [policy.delay_before(failures).total_seconds() for failures in range(1, 7)] == seconds


@pytest.mark.parametrize(
    ("jitter", "draw", "seconds"),
    [
        ("none", 0.25, [10, 30, 70]),
        ("full", 0.0, [0, 0, 0]),
        ("full", 0.25, [2.5, 7.5, 17.5]),
        # Plus or minus the first delay, whatever it has grown to.
        ("plus_minus", 0.0, [0, 20, 60]),
        ("plus_minus", 0.25, [5, 25, 65]),
        ("plus_minus", 0.5, [10, 30, 70]),
        ("plus_minus", 0.75, [15, 35, 75]),
    ],
)
def test_jitter_spreads(jitter: str, draw: float, seconds: list[float]) -> None:
    policy = RetryPolicy(max_retries=3, delay=10, backoff="exponential", jitter=jitter)
    assert [policy.delay_before(failures, rng=Draws(draw)).total_seconds() for failures in (1, 2, 3)] == seconds


@pytest.mark.parametrize("jitter", ["none", "full", "plus_minus"])
@pytest.mark.parametrize("failures", [1, 5, 31, 100, 10**6])
def test_a_delay_is_never_negative_and_never_above_its_cap(jitter: str, failures: int) -> None:
    policy = RetryPolicy(max_retries=100, delay=3600, backoff="exponential", jitter=jitter, max_delay=7200)
    for draw in (0.0, 0.5, 1 - 2**-53):
        assert timedelta(0) <= policy.delay_before(failures, rng=Draws(draw)) <= timedelta(seconds=7200)


def test_no_delay_is_no_delay() -> None:
    assert RetryPolicy().delay_before(1) == timedelta(0)


@pytest.mark.parametrize(("max_retries", "allowed"), [(0, [False]), (1, [True, False]), (3, [True, True, True, False])])
def test_max_retries_counts_tries_behind_the_first(max_retries: int, allowed: list[bool]) -> None:
    policy = RetryPolicy(max_retries=max_retries)
    assert [policy.allows(failures) for failures in range(1, max_retries + 2)] == allowed


def test_errors_are_chosen_by_any_class_of_theirs() -> None:
    missing = ("FileNotFoundError", "OSError", "Exception")
    assert RetryPolicy(retry_on=("OSError",)).allows(1, missing)
    assert not RetryPolicy(retry_on=("ValueError",)).allows(1, missing)
    assert not RetryPolicy(give_up_on=("FileNotFoundError",)).allows(1, missing)
    # To give up stands over to retry.
    assert not RetryPolicy(retry_on=("OSError",), give_up_on=("FileNotFoundError",)).allows(1, missing)


def test_a_policy_as_json_is_that_policy_again() -> None:
    policy = RetryPolicy(max_retries=3, delay=60, backoff="linear", retry_on=("OSError",))
    assert RetryPolicy.model_validate(policy.model_dump(mode="json")) == policy


@pytest.mark.parametrize(
    "fields",
    [{"max_retries": -1}, {"max_retries": "3"}, {"delay": -1}, {"delay": float("nan")}, {"delay": float("inf")}, {"retries": 3}],
)
def test_a_policy_that_is_none(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RetryPolicy.model_validate(fields)
