"""An exception as text: what happened, why in one word, and where."""

import errno
import traceback
from typing import cast, get_args

from app.definitions.messages import ErrorFacts, StepReason
from app.errors import OpenbellError
from app.runner.text import clean, shown

MESSAGE_LIMIT = 8_000
TRACEBACK_LIMIT = 32_000
_REASONS = frozenset(get_args(StepReason))
_FULL = {errno.ENOSPC, errno.EDQUOT}
# What DuckDB and Arrow say in errors of their own classes, which bear no errno.
_FULL_TEXT = "No space left on device"


class BeginAgain(BaseException):
    """The lake moved on under a step: it begins again. Not an Exception, so that no op catches it by the way."""


class StepError(Exception):
    """A step cannot do what its op or pipeline says; the runner's own words, with a typed reason."""

    def __init__(self, reason: StepReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def reason_of(error: BaseException) -> StepReason:
    """Why in one word: the exception's own `reason` where that is one of ours, `oom`, `disk_full`, else `exception`."""
    if isinstance(error, MemoryError):
        return "oom"
    if isinstance(error, OSError) and error.errno in _FULL:
        return "disk_full"
    own = _attribute(error, "reason")
    if isinstance(own, str) and own in _REASONS:
        return cast(StepReason, own)
    return "disk_full" if _FULL_TEXT in shown(error, MESSAGE_LIMIT) else "exception"


def describe(error: BaseException) -> ErrorFacts:
    """The exception as text, bounded and storable, whatever its own methods do."""
    facts = ErrorFacts(
        type=clean(type(error).__name__, 200),
        message=_message(error),
        traceback=_traceback(error),
        classes=[clean(cls.__name__, 200) for cls in type(error).__mro__ if cls is not object],
    )
    if (hint := _attribute(error, "hint")) is not None:
        facts["hint"] = shown(hint, MESSAGE_LIMIT)
    return facts


def _message(error: BaseException) -> str:
    if not isinstance(error, OpenbellError):
        return shown(error, MESSAGE_LIMIT)
    # Without its hint, which is told apart.
    return clean("\n".join([error.detail, *(f"{fault.pointer}: {fault.message}" for fault in error.faults)]), MESSAGE_LIMIT)


def _attribute(error: BaseException, name: str) -> object:
    try:
        return getattr(error, name, None)
    except BaseException:
        return None


def _traceback(error: BaseException) -> str:
    try:
        # Our own frames come first and say nothing to the op's author.
        frames = error.__traceback__
        while frames is not None and frames.tb_next is not None and _is_ours(frames.tb_frame.f_globals.get("__name__", "")):
            frames = frames.tb_next
        return clean("".join(traceback.format_exception(type(error), error, frames)), TRACEBACK_LIMIT)
    except BaseException as problem:
        return f"<a traceback that cannot be shown: {type(problem).__name__}>"


def _is_ours(module: str) -> bool:
    return module.startswith("app.runner.")
