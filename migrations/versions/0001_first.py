"""The first schema."""

import sqlalchemy as sa
from alembic import op

from app.store.columns import Instant, Json

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant, nullable=True),
        sa.Column("last_used_at", Instant, nullable=True),
        sa.Column("revoked_at", Instant, nullable=True),
        sa.CheckConstraint("role IN ('viewer', 'operator', 'admin')", name=op.f("ck_api_keys_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("detail", Json, nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_subject_name_seq"), "audit", ["subject", "name", "seq"], unique=False)
    op.create_table(
        "calendars",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("horizon_date", sa.Date(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("planted_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendars")),
    )
    op.create_table(
        "catalogue",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=True),
        sa.Column("spec", Json, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.CheckConstraint("kind IN ('op', 'query', 'module')", name=op.f("ck_catalogue_kind")),
        sa.PrimaryKeyConstraint("digest", "kind", "name", name=op.f("pk_catalogue")),
    )
    op.create_index(op.f("ix_catalogue_seen_at"), "catalogue", ["seen_at"], unique=False)
    op.create_table(
        "definitions",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Text(), nullable=True),
        sa.Column("managed_by", sa.Text(), nullable=False),
        sa.Column("shipped_hash", sa.Text(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("paused_at", Instant, nullable=True),
        sa.Column("deleted_at", Instant, nullable=True),
        sa.Column("planned_until", Instant, nullable=True),
        sa.CheckConstraint("kind IN ('pipeline', 'job', 'schedule', 'trigger')", name=op.f("ck_definitions_kind")),
        sa.CheckConstraint("managed_by IN ('catalog', 'api', 'file')", name=op.f("ck_definitions_managed_by")),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_definitions")),
    )
    op.create_index(op.f("ix_definitions_kind_uses"), "definitions", ["kind", "uses"], unique=False)
    op.create_table(
        "files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("min_date", sa.Date(), nullable=True),
        sa.Column("max_date", sa.Date(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("published_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index(op.f("ix_files_path"), "files", ["path"], unique=True)
    op.create_table(
        "idempotency",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("answer", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_created_at"), "idempotency", ["created_at"], unique=False)
    op.create_table(
        "lake",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_lake_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lake")),
    )
    op.create_table(
        "pools",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.CheckConstraint("size >= 0", name=op.f("ck_pools_size")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pools")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("job_version", sa.Integer(), nullable=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("pipeline_version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error", Json, nullable=True),
        sa.Column("params", Json, nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("trade_date", sa.Date(), nullable=True),
        sa.Column("cause_type", sa.Text(), nullable=False),
        sa.Column("cause_name", sa.Text(), nullable=True),
        sa.Column("retry_of", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("crash_count", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("retry", Json, nullable=True),
        sa.Column("timeout_seconds", sa.Float(), nullable=True),
        sa.Column("memory_limit_bytes", sa.BigInteger(), nullable=True),
        sa.Column("pools", Json, nullable=False),
        sa.Column("code_versions", Json, nullable=False),
        sa.Column("read_snapshot", sa.Integer(), nullable=True),
        sa.Column("queued_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("rank_at", Instant, nullable=False),
        sa.Column("started_at", Instant, nullable=True),
        sa.Column("finished_at", Instant, nullable=True),
        sa.Column("cancel_requested_at", Instant, nullable=True),
        sa.CheckConstraint("(status = 'running') = (worker IS NOT NULL)", name=op.f("ck_runs_running_has_worker")),
        sa.CheckConstraint(
            "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)", name=op.f("ck_runs_final_has_finish")
        ),
        sa.CheckConstraint(
            "cause_type IN ('manual', 'schedule', 'trigger', 'event', 'backfill', 'retry')", name=op.f("ck_runs_cause_type")
        ),
        sa.CheckConstraint(
            "reason IN ('exception', 'timeout', 'oom', 'signal', 'exit', 'interrupted', 'lease_lost', 'crash_loop', 'quality_gate', 'upstream_failed', 'missing_input', 'unknown_op', 'source_mismatch', 'disk_full', 'not_published', 'cancelled')",
            name=op.f("ck_runs_reason"),
        ),
        sa.CheckConstraint("status <> 'failed' OR reason IS NOT NULL", name=op.f("ck_runs_failed_has_reason")),
        sa.CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("ck_runs_status")),
        sa.CheckConstraint("status NOT IN ('running', 'succeeded') OR started_at IS NOT NULL", name=op.f("ck_runs_began")),
        sa.CheckConstraint("attempt >= 0 AND failures >= 0 AND crash_count >= 0", name=op.f("ck_runs_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_job_finished", "runs", ["job", "finished_at"], unique=False)
    op.create_index("ix_runs_job_id", "runs", ["job", "id"], unique=False)
    op.create_index(
        "ix_runs_queue",
        "runs",
        ["job", "rank_at"],
        unique=False,
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "ix_runs_running",
        "runs",
        ["worker"],
        unique=False,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index("ix_runs_status_id", "runs", ["status", "id"], unique=False)
    op.create_index("ix_runs_trade_date", "runs", ["trade_date", "id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("calendar", "session_date", name=op.f("pk_sessions")),
    )
    op.create_table(
        "slots",
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("job", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.CheckConstraint("(run_id IS NULL) = (attempt IS NULL)", name=op.f("ck_slots_held_by_attempt")),
        sa.PrimaryKeyConstraint("pool", "n", name=op.f("pk_slots")),
    )
    op.create_index(
        "ix_slots_free",
        "slots",
        ["job"],
        unique=False,
        sqlite_where=sa.text("run_id IS NULL"),
        postgresql_where=sa.text("run_id IS NULL"),
    )
    op.create_index(op.f("ix_slots_run_id"), "slots", ["run_id"], unique=False)
    op.create_table(
        "snapshots",
        sa.Column("snapshot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("published_at", Instant, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("node", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('publish', 'restore')", name=op.f("ck_snapshots_kind")),
        sa.PrimaryKeyConstraint("snapshot", name=op.f("pk_snapshots")),
    )
    op.create_index(op.f("ix_snapshots_run_id"), "snapshots", ["run_id"], unique=False)
    op.create_table(
        "transitions",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=True),
        sa.Column("job", sa.Text(), nullable=True),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_transitions")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_transitions_name", "transitions", ["name", "seq"], unique=False)
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("roles", Json, nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("catalogue", sa.Text(), nullable=True),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("renewed_at", Instant, nullable=False),
        sa.Column("lease_expires_at", Instant, nullable=False),
        sa.Column("stopped_at", Instant, nullable=True),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_index(op.f("ix_workers_stopped_at"), "workers", ["stopped_at"], unique=False)
    op.create_table(
        "dataset_files",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("from_version", sa.Integer(), nullable=False),
        sa.Column("until_version", sa.Integer(), nullable=True),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_dataset_files_file_id")),
        sa.PrimaryKeyConstraint("dataset", "partition", "from_version", name=op.f("pk_dataset_files")),
    )
    op.create_index(op.f("ix_dataset_files_file_id"), "dataset_files", ["file_id"], unique=False)
    op.create_table(
        "dataset_versions",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("min_date", sa.Date(), nullable=True),
        sa.Column("max_date", sa.Date(), nullable=True),
        sa.Column("quality", sa.Float(), nullable=True),
        sa.Column("facts", Json, nullable=False),
        sa.ForeignKeyConstraint(["snapshot"], ["snapshots.snapshot"], name=op.f("fk_dataset_versions_snapshot")),
        sa.PrimaryKeyConstraint("dataset", "version", name=op.f("pk_dataset_versions")),
    )
    op.create_index(op.f("ix_dataset_versions_snapshot"), "dataset_versions", ["snapshot"], unique=False)
    op.create_table(
        "logs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("cut", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_logs_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "attempt", name=op.f("pk_logs")),
    )
    op.create_table(
        "run_datasets",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("node", sa.Text(), nullable=True),
        sa.CheckConstraint("mode IN ('read', 'published')", name=op.f("ck_run_datasets_mode")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_datasets_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "dataset", "mode", "snapshot", name=op.f("pk_run_datasets")),
    )
    op.create_table(
        "run_tags",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_tags_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_run_tags")),
    )
    op.create_index(op.f("ix_run_tags_key_value_run_id"), "run_tags", ["key", "value", "run_id"], unique=False)
    op.create_table(
        "step_attempts",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("run_attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("finished_at", Instant, nullable=True),
        sa.Column("metrics", Json, nullable=True),
        sa.Column("error", Json, nullable=True),
        sa.CheckConstraint("(status = 'running') = (finished_at IS NULL)", name=op.f("ck_step_attempts_final_has_finish")),
        sa.CheckConstraint(
            "reason IN ('exception', 'timeout', 'oom', 'signal', 'exit', 'interrupted', 'lease_lost', 'crash_loop', 'quality_gate', 'upstream_failed', 'missing_input', 'unknown_op', 'source_mismatch', 'disk_full', 'not_published', 'cancelled')",
            name=op.f("ck_step_attempts_reason"),
        ),
        sa.CheckConstraint("status IN ('running', 'succeeded', 'failed', 'cancelled')", name=op.f("ck_step_attempts_status")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_step_attempts_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "node", "attempt", name=op.f("pk_step_attempts")),
    )
    op.create_table(
        "steps",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("run_attempt", sa.Integer(), nullable=False),
        sa.Column("due_at", Instant, nullable=True),
        sa.Column("started_at", Instant, nullable=True),
        sa.Column("finished_at", Instant, nullable=True),
        sa.Column("metrics", Json, nullable=True),
        sa.Column("outputs", Json, nullable=True),
        sa.Column("staged", Json, nullable=True),
        sa.Column("error", Json, nullable=True),
        sa.CheckConstraint(
            "(status IN ('succeeded', 'failed', 'skipped', 'cancelled')) = (finished_at IS NOT NULL)",
            name=op.f("ck_steps_final_has_finish"),
        ),
        sa.CheckConstraint(
            "reason IN ('exception', 'timeout', 'oom', 'signal', 'exit', 'interrupted', 'lease_lost', 'crash_loop', 'quality_gate', 'upstream_failed', 'missing_input', 'unknown_op', 'source_mismatch', 'disk_full', 'not_published', 'cancelled')",
            name=op.f("ck_steps_reason"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'succeeded', 'failed', 'skipped', 'cancelled')", name=op.f("ck_steps_status")
        ),
        sa.CheckConstraint("status NOT IN ('failed', 'skipped') OR reason IS NOT NULL", name=op.f("ck_steps_has_reason")),
        sa.CheckConstraint(
            "status NOT IN ('running', 'succeeded', 'failed') OR started_at IS NOT NULL", name=op.f("ck_steps_began")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_steps_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "node", name=op.f("pk_steps")),
    )
    op.create_table(
        "versions",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", Json, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["kind", "name"], ["definitions.kind", "definitions.name"], name=op.f("fk_versions_kind")),
        sa.PrimaryKeyConstraint("kind", "name", "version", name=op.f("pk_versions")),
    )


def downgrade() -> None:
    op.drop_table("versions")
    op.drop_table("steps")
    op.drop_table("step_attempts")
    op.drop_index(op.f("ix_run_tags_key_value_run_id"), table_name="run_tags")
    op.drop_table("run_tags")
    op.drop_table("run_datasets")
    op.drop_table("logs")
    op.drop_index(op.f("ix_dataset_versions_snapshot"), table_name="dataset_versions")
    op.drop_table("dataset_versions")
    op.drop_index(op.f("ix_dataset_files_file_id"), table_name="dataset_files")
    op.drop_table("dataset_files")
    op.drop_index(op.f("ix_workers_stopped_at"), table_name="workers")
    op.drop_table("workers")
    op.drop_index("ix_transitions_name", table_name="transitions")
    op.drop_table("transitions")
    op.drop_index(op.f("ix_snapshots_run_id"), table_name="snapshots")
    op.drop_table("snapshots")
    op.drop_index(op.f("ix_slots_run_id"), table_name="slots")
    op.drop_index(
        "ix_slots_free", table_name="slots", sqlite_where=sa.text("run_id IS NULL"), postgresql_where=sa.text("run_id IS NULL")
    )
    op.drop_table("slots")
    op.drop_table("sessions")
    op.drop_index("ix_runs_trade_date", table_name="runs")
    op.drop_index("ix_runs_status_id", table_name="runs")
    op.drop_index(
        "ix_runs_running",
        table_name="runs",
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.drop_index(
        "ix_runs_queue",
        table_name="runs",
        sqlite_where=sa.text("status = 'queued'"),
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.drop_index("ix_runs_job_id", table_name="runs")
    op.drop_index("ix_runs_job_finished", table_name="runs")
    op.drop_table("runs")
    op.drop_table("pools")
    op.drop_table("lake")
    op.drop_index(op.f("ix_idempotency_created_at"), table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index(op.f("ix_files_path"), table_name="files")
    op.drop_table("files")
    op.drop_index(op.f("ix_definitions_kind_uses"), table_name="definitions")
    op.drop_table("definitions")
    op.drop_index(op.f("ix_catalogue_seen_at"), table_name="catalogue")
    op.drop_table("catalogue")
    op.drop_table("calendars")
    op.drop_index(op.f("ix_audit_subject_name_seq"), table_name="audit")
    op.drop_table("audit")
    op.drop_table("api_keys")
