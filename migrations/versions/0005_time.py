"""Calendars with hours and overrides; firings, joins, events; when a schedule is to be looked at next."""

import sqlalchemy as sa
from alembic import op

from app.store.columns import Instant, Json

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("definitions") as batch:
        batch.add_column(sa.Column("next_at", Instant, nullable=True))
        batch.add_column(sa.Column("file", sa.Text(), nullable=True))
        batch.add_column(sa.Column("file_paused", sa.Boolean(), nullable=True))
        batch.drop_constraint(op.f("ck_definitions_kind"), type_="check")
        batch.create_check_constraint(
            op.f("ck_definitions_kind"), "kind IN ('pipeline', 'job', 'schedule', 'trigger', 'deadline')"
        )
    waits = sa.text("next_at IS NOT NULL")
    op.create_index("ix_definitions_next", "definitions", ["kind", "next_at"], sqlite_where=waits, postgresql_where=waits)
    op.add_column("runs", sa.Column("depth", sa.Integer(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("interruption", sa.Text(), nullable=True))
    op.add_column("pools", sa.Column("managed_by", sa.Text(), server_default="api", nullable=False))
    op.add_column("lake", sa.Column("identity", sa.Text(), nullable=True))
    op.add_column("pools", sa.Column("file", sa.Text(), nullable=True))
    _calendars()
    _firings()
    _joins()
    op.create_table(
        "listens",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "trigger", name=op.f("pk_listens")),
    )
    op.create_index(op.f("ix_listens_trigger"), "listens", ["trigger"])
    op.create_table(
        "events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("received_from", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_name_id"), "events", ["name", "id"])
    _backfills()
    _promises()


def _calendars() -> None:
    op.add_column("calendars", sa.Column("timezone", sa.Text(), server_default="Asia/Shanghai", nullable=False))
    op.add_column("calendars", sa.Column("hours", Json, nullable=True))
    op.add_column("calendars", sa.Column("stamp", sa.Text(), server_default="", nullable=False))
    op.add_column("calendars", sa.Column("extended_until", sa.Date(), nullable=True))
    op.add_column("calendars", sa.Column("disagreements", Json, nullable=True))
    op.add_column("calendars", sa.Column("made_by", sa.Text(), nullable=True))
    op.add_column("sessions", sa.Column("phases", Json, nullable=True))
    op.create_table(
        "calendar_overrides",
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("is_session", sa.Boolean(), nullable=False),
        sa.Column("phases", Json, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("calendar", "session_date", name=op.f("pk_calendar_overrides")),
    )


def _firings() -> None:
    op.create_table(
        "firings",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("trade_date", sa.Date(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("decided_at", Instant, nullable=False),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("kind IN ('schedule', 'trigger')", name=op.f("ck_firings_kind")),
        sa.CheckConstraint("outcome IN ('fired', 'skipped', 'missed', 'held', 'failed')", name=op.f("ck_firings_outcome")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_firings")),
        sqlite_autoincrement=True,
    )
    held = sa.text("outcome = 'held'")
    op.create_index("ux_firings_key", "firings", ["kind", "name", "key"], unique=True)
    op.create_index("ix_firings_due", "firings", ["kind", "name", "due_at"])
    op.create_index("ix_firings_held", "firings", ["name"], sqlite_where=held, postgresql_where=held)
    op.create_index("ix_firings_run_id", "firings", ["run_id"])


def _joins() -> None:
    op.create_table(
        "joins",
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("arrived", Json, nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("deadline_at", Instant, nullable=True),
        sa.Column("closed_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("trigger", "key", "round", name=op.f("pk_joins")),
    )
    still = sa.text("closed_at IS NULL")
    op.create_index("ix_joins_deadline", "joins", ["deadline_at"], sqlite_where=still, postgresql_where=still)


def _backfills() -> None:
    op.create_table(
        "backfills",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("request", Json, nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("left_out", Json, nullable=False),
        *(sa.Column(count, sa.Integer(), nullable=False) for count in ("total", "started", "succeeded", "failed", "cancelled")),
        sa.Column("failed_in_a_row", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("paused_at", Instant, nullable=True),
        sa.Column("cancel_requested_at", Instant, nullable=True),
        sa.Column("finished_at", Instant, nullable=True),
        sa.CheckConstraint(
            "status IN ('running', 'paused', 'stopping', 'succeeded', 'partly_failed', 'failed', 'cancelled')",
            name=op.f("ck_backfills_status"),
        ),
        sa.CheckConstraint("succeeded + failed + cancelled <= started AND started <= total", name=op.f("ck_backfills_counts")),
        sa.CheckConstraint(
            "(status IN ('succeeded', 'partly_failed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
            name=op.f("ck_backfills_final_has_finish"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
    )
    op.create_index(op.f("ix_backfills_job_status"), "backfills", ["job", "status"])
    op.create_table(
        "backfill_chunks",
        sa.Column("backfill", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.CheckConstraint("outcome IN ('succeeded', 'failed', 'cancelled')", name=op.f("ck_backfill_chunks_outcome")),
        sa.ForeignKeyConstraint(["backfill"], ["backfills.id"], name=op.f("fk_backfill_chunks_backfill"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("backfill", "n", name=op.f("pk_backfill_chunks")),
    )
    op.create_index("ux_backfill_chunks_run_id", "backfill_chunks", ["run_id"], unique=True)


def _promises() -> None:
    op.create_table(
        "promises",
        sa.Column("deadline", sa.Text(), nullable=False),
        sa.Column("trade_date", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("met_at", Instant, nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("predicted_at", Instant, nullable=True),
        sa.Column("predicted_late", sa.Boolean(), nullable=True),
        sa.Column("prediction", sa.Text(), nullable=True),
        sa.Column("decided_at", Instant, nullable=False),
        sa.CheckConstraint("outcome IN ('open', 'met', 'late', 'missing', 'excused', 'held')", name=op.f("ck_promises_outcome")),
        sa.CheckConstraint("(outcome IN ('met', 'late')) = (met_at IS NOT NULL)", name=op.f("ck_promises_met_is_known")),
        sa.PrimaryKeyConstraint("deadline", "trade_date", name=op.f("pk_promises")),
    )
    still = sa.text("outcome = 'open'")
    op.create_index("ix_promises_open", "promises", ["due_at"], sqlite_where=still, postgresql_where=still)
    dated = sa.text("trade_date IS NOT NULL")
    columns = ["job", "trade_date", "id"]
    op.create_index("ix_runs_job_trade_date", "runs", columns, sqlite_where=dated, postgresql_where=dated)


def downgrade() -> None:
    op.drop_index("ix_runs_job_trade_date", "runs")
    for table in ("promises", "backfill_chunks", "backfills", "events", "listens", "joins", "firings", "calendar_overrides"):
        op.drop_table(table)
    op.drop_column("sessions", "phases")
    for column in ("made_by", "disagreements", "extended_until", "stamp", "hours"):
        op.drop_column("calendars", column)
    op.drop_column("calendars", "timezone")
    op.drop_column("runs", "interruption")
    op.drop_column("runs", "depth")
    op.drop_column("lake", "identity")
    op.drop_column("pools", "file")
    op.drop_column("pools", "managed_by")
    op.drop_index("ix_definitions_next", "definitions")
    with op.batch_alter_table("definitions") as batch:
        batch.drop_constraint(op.f("ck_definitions_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_definitions_kind"), "kind IN ('pipeline', 'job', 'schedule', 'trigger')")
        batch.drop_column("file_paused")
        batch.drop_column("file")
        batch.drop_column("next_at")
