"""API keys: 256 random bits, kept as a hash; found by the id that stands in them."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from app import clock
from app.errors import NotFound
from app.store.tables import api_keys

Role = Literal["viewer", "operator", "admin"]
RANK: dict[str, int] = {"viewer": 0, "operator": 1, "admin": 2}
_PREFIX = "openbell"
ADMIN_ID = "admin"


@dataclass(frozen=True)
class Key:
    """Who asks."""

    id: str
    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether this key may do what that role may."""
        return RANK[self.role] >= RANK[role]


def hashed(secret: str) -> str:
    """What is stored. The secret has 256 random bits, so a slow hash would protect nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def create(
    connection: Connection, name: str, role: Role, *, by: str, expires_at: datetime | None = None
) -> tuple[dict[str, Any], str]:
    """Make a key; answers its row and the text that is shown this once."""
    key_id = secrets.token_hex(4)
    shown = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    values = {"name": name, "role": role, "created_at": clock.now(), "created_by": by, "expires_at": expires_at}
    connection.execute(insert(api_keys).values(id=key_id, hash=hashed(shown), **values))
    return get(connection, key_id), shown


def set_admin(connection: Connection, secret: str) -> None:
    """Make this the admin key of the service's own making or setting; the one before it is no longer valid."""
    values = {"name": "admin key", "role": "admin", "hash": hashed(secret), "revoked_at": None}
    if not connection.execute(update(api_keys).where(api_keys.c.id == ADMIN_ID).values(values)).rowcount:
        connection.execute(insert(api_keys).values(id=ADMIN_ID, created_at=clock.now(), created_by="service", **values))


def authenticate(connection: Connection, secret: str) -> Key | None:
    """The key behind a bearer token, if it is valid now."""
    parts = secret.split("_", 2)
    key_id = parts[1] if len(parts) == 3 and parts[0] == _PREFIX else ADMIN_ID
    row = connection.execute(select(api_keys).where(api_keys.c.id.in_({key_id, ADMIN_ID}))).mappings().all()
    now = clock.now()
    for key in row:
        same = hmac.compare_digest(key["hash"], hashed(secret))
        if same and key["revoked_at"] is None and (key["expires_at"] is None or key["expires_at"] > now):
            return Key(key["id"], key["name"], key["role"])
    return None


def used(connection: Connection, key_id: str) -> None:
    """Note that the key was used now."""
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=clock.now()))


def listed(connection: Connection) -> list[dict[str, Any]]:
    """Every key without its hash, newest first."""
    columns = [column for column in api_keys.c if column.name != "hash"]
    return [dict(row) for row in connection.execute(select(*columns).order_by(api_keys.c.created_at.desc())).mappings()]


def get(connection: Connection, key_id: str) -> dict[str, Any]:
    """One key without its hash. Raises NotFound."""
    for key in listed(connection):
        if key["id"] == key_id:
            return key
    raise NotFound(f"There is no key {key_id!r}.")


def revoke(connection: Connection, key_id: str) -> dict[str, Any]:
    """Make the key useless at once. Raises NotFound."""
    key = get(connection, key_id)
    if key["revoked_at"] is None:
        connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(revoked_at=clock.now()))
    return get(connection, key_id)
