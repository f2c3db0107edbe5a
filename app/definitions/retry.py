"""How often and how late a failed step or run is tried again. Arithmetic as in Dagster's RetryPolicy."""

import random
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Backoff = Literal["fixed", "linear", "exponential"]
Jitter = Literal["none", "full", "plus_minus"]


class RetryPolicy(BaseModel):
    """`max_retries` further tries, each after `delay` seconds, grown by `backoff` and spread by `jitter`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_retries: int = Field(1, ge=0, le=100)
    delay: float = Field(0, ge=0, le=86_400, allow_inf_nan=False)
    backoff: Backoff = "fixed"
    jitter: Jitter = "none"
    max_delay: float = Field(86_400, ge=0, le=7 * 86_400, allow_inf_nan=False)
    retry_on: tuple[str, ...] = Field((), strict=False, description="Error classes to retry; empty: all of them.")
    give_up_on: tuple[str, ...] = Field((), strict=False, description="Error classes that are never retried.")

    def allows(self, failures: int, error_classes: tuple[str, ...] = ()) -> bool:
        """Whether a further try is due after that many failures, the last by an error of these classes (its MRO)."""
        if failures > self.max_retries or set(error_classes) & set(self.give_up_on):
            return False
        return not self.retry_on or bool(set(error_classes) & set(self.retry_on))

    def delay_before(self, failures: int, *, rng: random.Random | None = None) -> timedelta:
        """The wait after the nth failure (from 1): linear n x delay, exponential (2^n - 1) x delay, capped, jittered."""
        grown = {"fixed": 1, "linear": failures, "exponential": 2 ** min(failures, 32) - 1}[self.backoff] * self.delay
        seconds = min(grown, self.max_delay)
        draw = (rng or random).random()
        if self.jitter == "full":
            seconds *= draw
        elif self.jitter == "plus_minus":
            seconds = min(max(seconds + (2 * draw - 1) * self.delay, 0), self.max_delay)
        return timedelta(seconds=seconds)
