"""Releases: what became of each trade date; snapshots that are pinned, restored from, or no longer kept."""

import sqlalchemy as sa
from alembic import op

from app.store.columns import Instant, Json

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("runs", sa.Column("reproduces", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("comparison", Json, nullable=True))
    op.add_column("snapshots", sa.Column("restores", sa.Integer(), nullable=True))
    op.add_column("snapshots", sa.Column("pinned_at", Instant, nullable=True))
    op.add_column("snapshots", sa.Column("pinned_by", sa.Text(), nullable=True))
    op.add_column("snapshots", sa.Column("pin_reason", sa.Text(), nullable=True))
    op.add_column("snapshots", sa.Column("retired_at", Instant, nullable=True))
    op.create_table(
        "releases",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("trade_date", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("coverage", sa.Float(), nullable=True),
        sa.Column("datasets", Json, nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("decided_at", Instant, nullable=False),
        sa.CheckConstraint("status IN ('complete', 'partial', 'blocked', 'withdrawn')", name=op.f("ck_releases_status")),
        sa.CheckConstraint("(status = 'blocked') = (snapshot IS NULL)", name=op.f("ck_releases_blocked_has_no_snapshot")),
        sa.ForeignKeyConstraint(["snapshot"], ["snapshots.snapshot"], name=op.f("fk_releases_snapshot")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_releases")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_releases_trade_date_seq", "releases", ["trade_date", "seq"])
    op.create_index("ux_releases_trade_date_snapshot", "releases", ["trade_date", "snapshot"], unique=True)


def downgrade() -> None:
    op.drop_table("releases")
    with op.batch_alter_table("snapshots") as batch:
        for name in ("retired_at", "pin_reason", "pinned_by", "pinned_at", "restores"):
            batch.drop_column(name)
    with op.batch_alter_table("runs") as batch:
        batch.drop_column("comparison")
        batch.drop_column("reproduces")
