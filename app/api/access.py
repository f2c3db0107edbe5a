"""Who may do what: a bearer key on every request, a role on every route."""

import time
from typing import Annotated

import structlog
from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app.errors import Forbidden, Unauthenticated
from app.manager import Key, PipelineManager, Role

_log = structlog.get_logger("openbell.api")

FRESH_SECONDS = 1.0
"""How long a key that was looked up is believed: the time in which a revocation made elsewhere takes effect."""

NOTED_SECONDS = 60.0
_REMEMBERED = 1000


class Keyring:
    """The keys that were seen lately. Only their look-up in the database costs a thread."""

    def __init__(self, manager: PipelineManager) -> None:
        self._manager = manager
        self._seen: dict[str, tuple[float, Key]] = {}
        self._noted: dict[str, float] = {}

    async def key_of(self, request: Request) -> Key:
        """The key that the request bears. Raises Unauthenticated."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise Unauthenticated(hint="Send the header Authorization: Bearer <key>; the admin key is in <data dir>/admin.key.")
        now = time.monotonic()
        seen_at, key = self._seen.get(secret, (0.0, None))
        if key is not None and now - seen_at < FRESH_SECONDS:
            return key
        key = await run_in_threadpool(self._look_up, secret, now)
        if key is None:
            self._seen.pop(secret, None)
            raise Unauthenticated("This key is not valid: it is unknown, has expired or was revoked.")
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[secret] = (now, key)
        return key

    def forget(self) -> None:
        """Look every key up again."""
        self._seen.clear()

    def _look_up(self, secret: str, now: float) -> Key | None:
        key = self._manager.authenticate(secret)
        if key is not None and now - self._noted.get(key.id, -NOTED_SECONDS) >= NOTED_SECONDS:
            self._noted[key.id] = now
            try:
                self._manager.note_use(key.id)
            except Exception:  # when nothing can be written, reading must still be possible
                _log.warning("use of a key not noted", key=key.id, exc_info=True)
        return key


class Require:
    """A dependency that lets only keys of this role, or of a higher one, pass."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Key:
        """The key. Raises Unauthenticated, Forbidden."""
        # The route asked already, before it read the body.
        key: Key | None = getattr(request.state, "key", None)
        if key is None:
            key = request.state.key = await request.app.state.keyring.key_of(request)
        if not key.may(self.role):
            raise Forbidden(f"This needs the role {self.role}; the key {key.id} has the role {key.role}.")
        return key


class Open:
    """A dependency that says of a route that it needs no key."""

    async def __call__(self) -> None:
        """Lets everybody pass."""


VIEWER = Depends(Require("viewer"))
ADMIN = Depends(Require("admin"))
ANYBODY = Depends(Open())
Operator = Annotated[Key, Depends(Require("operator"))]
Admin = Annotated[Key, ADMIN]
