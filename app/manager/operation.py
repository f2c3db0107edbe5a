"""The operator's half of the manager: limits, logs, what changed, and whether the service can do its work."""

from typing import Any

from app.definitions.pool import parse_pool
from app.errors import AlreadyExists, Unavailable
from app.settings import Settings
from app.store import audit, calendars, catalogue, filed, logs, pools, runs, settled, transitions, views, workers
from app.store.database import Connection, Database
from app.store.sqlite import WHEN_DAMAGED


class Operation:
    """Pools, workers, logs and transitions."""

    database: Database
    settings: Settings

    def list_pools(self) -> list[dict[str, Any]]:
        """Every named pool: name, size, held, description, managed_by, file."""
        with self.database.read() as connection:
            return pools.all_named(connection)

    def get_pool(self, name: str) -> dict[str, Any]:
        """One pool. Raises NotFound."""
        with self.database.read() as connection:
            return pools.get(connection, name)

    def save_pool(self, document: object, *, by: str, create_only: bool = False) -> tuple[dict[str, Any], bool]:
        """Make the pool or change it; answers it, and whether it is new. Raises Invalid, ManagedByFile; AlreadyExists if
        `create_only`."""
        pool = parse_pool(document)
        wanted = {"size": pool.size, "description": pool.document.get("description")}

        def save(connection: Connection) -> tuple[dict[str, Any], bool]:
            known = {row["name"]: row for row in pools.all_named(connection)}.get(pool.name)
            if known is not None and wanted == {name: known[name] for name in wanted}:
                return known, False
            filed.refuse(connection, "pool", pool.name, self.settings.definitions_dir)
            if known is not None and create_only:
                hint = f"PUT /api/v1/pools/{pool.name} gives it another size."
                raise AlreadyExists(f"There is another pool {pool.name!r} already (size {known['size']}).", hint=hint)
            pools.resize(connection, pool.name, pool.size, description=pool.document.get("description"))
            filed.own(connection, "pool", pool.name, managed_by="api")
            audit.add(connection, by, "change" if known else "create", "pool", pool.name, wanted)
            return pools.get(connection, pool.name), known is None

        return self.database.write(save)

    def delete_pool(self, name: str, *, by: str) -> None:
        """Remove the pool. Raises NotFound, ManagedByFile, or InUse while a run holds a slot of it."""

        def drop(connection: Connection) -> None:
            filed.refuse(connection, "pool", name, self.settings.definitions_dir)
            pools.drop(connection, name)
            audit.add(connection, by, "delete", "pool", name)

        self.database.write(drop)

    def workers(self) -> list[dict[str, Any]]:
        """The registered workers."""
        with self.database.read() as connection:
            return [views.row_view(row) for row in workers.registered(connection)]

    def ended_run(self, run_id: str) -> dict[str, Any] | None:
        """The run if it has ended. Raises NotFound."""
        with self.database.read() as connection:
            return views.run_view(connection, run_id) if runs.status(connection, run_id).is_final else None

    def run_steps(self, run_id: str) -> list[dict[str, Any]]:
        """The run's steps in its pipeline's order, each with its attempts. Raises NotFound."""
        with self.database.read() as connection:
            runs.status(connection, run_id)
            return views.steps_with_attempts(connection, run_id)

    def run_logs(self, run_id: str) -> tuple[bool, list[dict[str, Any]]]:
        """Whether the run has ended, and its log files, first attempt first. Raises NotFound."""
        with self.database.read() as connection:
            ended = runs.status(connection, run_id).is_final
            return ended, logs.of_run(connection, run_id)

    def transitions_after(self, seq: int, limit: int = 500) -> list[dict[str, Any]]:
        """What changed behind that number; nothing with a smaller number appears later."""
        upto = settled.upto(self.database, seq)
        if upto <= seq:
            return []
        with self.database.read() as connection:
            return transitions.after(connection, seq, upto, limit)

    def newest_transition(self) -> int:
        """The number of the last change."""
        with self.database.read() as connection:
            return transitions.newest(connection)

    def damage(self) -> dict[str, str]:
        """What is wrong with the database, if damage was met."""
        found = self.database.damage
        return {"database": f"{found} {WHEN_DAMAGED}"} if found else {}

    def op_remarks(self) -> dict[str, str]:
        """Which op modules could not be imported, and why."""
        with self.database.read() as connection:
            if catalogue.current_digest(connection) is None:
                return {}
            return {f"op module {broken.module}": broken.error for broken in catalogue.current(connection).broken}

    def readiness(self) -> dict[str, bool]:
        """What the service needs for its work, and whether it is there: all true means ready."""
        try:
            with self.database.read() as connection:
                found = {
                    "database": self.database.damage is None,
                    "catalogue": catalogue.current_digest(connection) is not None,
                    "calendar": bool(calendars.names(connection)),
                    "disk": self.database.lack() is None,
                }
                if "worker" in self.settings.roles:
                    found["worker"] = workers.any_alive(connection)
                return found
        except Unavailable:
            return {"database": False}
