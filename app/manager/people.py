"""The people half of the manager: who may do what, and who did it."""

from datetime import datetime
from typing import Any

from app.errors import Conflict
from app.store import audit, keys, views
from app.store.database import Connection, Database
from app.store.keys import Key, Role


class People:
    """API keys and the audit."""

    database: Database

    def authenticate(self, secret: str) -> Key | None:
        """Whose key that is, if it is valid now."""
        with self.database.read() as connection:
            return keys.authenticate(connection, secret)

    def note_use(self, key_id: str) -> None:
        """Note that the key was used now."""
        self.database.write(lambda connection: keys.used(connection, key_id))

    def list_keys(self) -> list[dict[str, Any]]:
        """Every key without its secret, newest first."""
        with self.database.read() as connection:
            return [views.row_view(row) for row in keys.listed(connection)]

    def get_key(self, key_id: str) -> dict[str, Any]:
        """One key without its secret. Raises NotFound."""
        with self.database.read() as connection:
            return views.row_view(keys.get(connection, key_id))

    def create_key(self, name: str, role: Role, *, by: str, expires_at: datetime | None = None) -> dict[str, Any]:
        """A new key; its text is under `key`, this once."""

        def make(connection: Connection) -> dict[str, Any]:
            row, text = keys.create(connection, name, role, by=by, expires_at=expires_at)
            audit.add(connection, by, "create", "api_key", row["id"], {"name": name, "role": role})
            return {**views.row_view(row), "key": text}

        return self.database.write(make)

    def revoke_key(self, key_id: str, *, by: str) -> dict[str, Any]:
        """Make the key useless. Raises NotFound, or Conflict for the service's own, which every start makes valid again."""
        if key_id == keys.ADMIN_ID:
            raise Conflict(
                "The service's own admin key cannot be revoked.",
                hint="Set another OPENBELL_ADMIN_KEY, or remove admin.key from the data dir, and restart the service.",
            )

        def mark(connection: Connection) -> dict[str, Any]:
            row = keys.revoke(connection, key_id)
            audit.add(connection, by, "revoke", "api_key", key_id)
            return views.row_view(row)

        return self.database.write(mark)

    def audit_page(self, *, before: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Who changed what, newest first."""
        with self.database.read() as connection:
            return [views.row_view(row) for row in audit.page(connection, before, limit)]
