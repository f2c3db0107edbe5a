"""Snapshots: what was published, kept longer, and put in place again."""

from typing import Any

from app import intact
from app.definitions.pipeline import content_hash
from app.errors import Conflict, FileDamaged
from app.settings import Settings
from app.store import idempotency, lake, snapshots, views
from app.store.database import Connection, Database


class Snapshots:
    """Every publication by its number."""

    database: Database
    settings: Settings

    def list_snapshots(self, *, before: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Snapshots older than that number, newest first: who made it, what it changed, whether it is kept."""
        with self.database.read() as connection:
            return [_view(row) for row in snapshots.page(connection, before, limit)]

    def get_snapshot(self, number: int) -> dict[str, Any]:
        """A snapshot with what each dataset names in it, and by which run. Raises NotFound."""
        with self.database.read() as connection:
            return _view(snapshots.get(connection, number))

    def pin_snapshot(self, number: int, reason: str, *, by: str) -> dict[str, Any]:
        """Keep the snapshot until it is unpinned. Raises NotFound, or Conflict for one that is no longer kept."""
        return self.database.write(lambda connection: _view(snapshots.pin(connection, number, by=by, reason=reason)))

    def unpin_snapshot(self, number: int, *, by: str) -> dict[str, Any]:
        """Keep it no longer than others. Raises NotFound."""
        return self.database.write(lambda connection: _view(snapshots.unpin(connection, number, by=by)))

    def restore_snapshot(
        self, number: int, reason: str, *, by: str, idempotency_key: str | None = None
    ) -> tuple[dict[str, Any], bool]:
        """A new snapshot that names that one's files, once every one of them is there as it was written; and whether the key
        had made it before.

        Raises NotFound, also for one that is no longer kept; FileDamaged for a file that is gone or changed; Conflict for what
        is the newest already.
        """

        def make(connection: Connection) -> dict[str, Any]:
            made = snapshots.restore(connection, number, by=by, reason=reason)
            return _view(snapshots.get(connection, made["snapshot"]))

        def work(connection: Connection) -> tuple[dict[str, Any], bool]:
            scope, body = f"{by} POST /snapshots/{number}/restore", content_hash({"reason": reason})
            return idempotency.once(connection, scope, idempotency_key, body, lambda: make(connection))

        self._check_files(number)
        return self.database.write(work)

    def _check_files(self, number: int) -> None:
        # Before the transaction: it reads every byte. What retention takes away meanwhile, the transaction finds out.
        with self.database.read() as connection:
            state = lake.state(connection, number)
        if not number:
            raise Conflict("Snapshot 0 is the empty lake: there is nothing to restore.")
        wrong = []
        for file in (file for dataset in state["datasets"].values() for file in dataset["files"]):
            try:
                intact.check(self.settings.data_dir / "lake" / file["path"])
            except FileDamaged as error:
                wrong.append(error)
        if wrong:
            more = f" And {len(wrong) - 1} more files are gone or damaged." if len(wrong) > 1 else ""
            raise FileDamaged(f"Snapshot {number} cannot be restored. {wrong[0].detail}{more}", hint=wrong[0].hint)


def _view(row: dict[str, Any]) -> dict[str, Any]:
    pin = {"at": row["pinned_at"], "by": row["pinned_by"], "reason": row["pin_reason"]}
    shown = {name: row[name] for name in ("snapshot", "published_at", "kind", "run_id", "node", "restores")}
    more = {"datasets": [views.row_view(each) for each in row["datasets"]]} if "datasets" in row else {"changed": row["changed"]}
    return {
        **views.row_view(shown),
        "kept": row["retired_at"] is None,
        "pin": views.row_view(pin) if row["pinned_at"] is not None else None,
        **more,
    }
