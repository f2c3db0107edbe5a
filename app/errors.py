"""Every error that a user can cause: one tree; each class carries its HTTP status and its stable code."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a document: where (a JSON pointer, RFC 6901) and what."""

    pointer: str
    message: str


class OpenbellError(Exception):
    """Something went wrong."""

    status = 500
    code = "internal_error"

    def __init__(self, detail: str | None = None, *, hint: str | None = None, faults: Sequence[Fault] = ()) -> None:
        self.detail = detail or type(self).__doc__ or type(self).__name__
        self.hint = hint
        self.faults = tuple(faults)
        super().__init__(self.detail)

    def __str__(self) -> str:
        lines = [self.detail, *(f"  {fault.pointer}: {fault.message}" for fault in self.faults)]
        return "\n".join([*lines, f"hint: {self.hint}"] if self.hint else lines)


class Invalid(OpenbellError):
    """The document or parameter is not valid."""

    status = 422
    code = "invalid"


class Malformed(OpenbellError):
    """The body cannot be read."""

    status = 400
    code = "malformed"


class TooLarge(OpenbellError):
    """The body is too large."""

    status = 413
    code = "too_large"


class Unsupported(OpenbellError):
    """The body is of a kind that is not read here."""

    status = 415
    code = "unsupported_media_type"


class NotFound(OpenbellError):
    """There is nothing by that name."""

    status = 404
    code = "not_found"


class Conflict(OpenbellError):
    """That does not fit the present state."""

    status = 409
    code = "conflict"


class AlreadyExists(Conflict):
    """That name is taken by another document."""

    code = "already_exists"


class InUse(Conflict):
    """It is still in use."""

    code = "in_use"


class ManagedByFile(Conflict):
    """A file says what it is."""

    code = "managed_by_file"


class FileDamaged(Conflict):
    """A file of the lake is not what was written."""

    code = "file_damaged"


class NotExecutable(OpenbellError):
    """A pipeline is a blueprint; only a job can be run."""

    status = 405
    code = "not_executable"


class Unauthenticated(OpenbellError):
    """A valid key is needed."""

    status = 401
    code = "unauthenticated"


class Forbidden(OpenbellError):
    """This key's role does not allow that."""

    status = 403
    code = "forbidden"


class QueueFull(OpenbellError):
    """The queue is full."""

    status = 429
    code = "queue_full"


class CataloguePending(OpenbellError):
    """The ops are still being loaded."""

    status = 503
    code = "catalogue_pending"


class Unavailable(OpenbellError):
    """The service cannot answer that now."""

    status = 503
    code = "unavailable"


class DiskFull(Unavailable):
    """There is no room on the disk."""

    code = "disk_full"


class Damaged(Unavailable):
    """The database is damaged."""

    code = "damaged"


class NoWorker(Unavailable):
    """No worker is alive, so nothing would execute the run."""

    code = "no_worker"


class LeaseLost(OpenbellError):
    """Another attempt owns the run now."""

    status = 409
    code = "lease_lost"


class ConfigurationError(OpenbellError):
    """The settings do not allow a start."""

    code = "configuration"
