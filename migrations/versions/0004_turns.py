"""Who was overtaken while it published has a turn."""

import sqlalchemy as sa
from alembic import op

from app.store.columns import Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("step_attempt", sa.Integer(), nullable=False),
        sa.Column("datasets", Json, nullable=False),
        sa.Column("patience_seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_turns_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("n", name="pk_turns"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_turns_run_id", "turns", ["run_id"], unique=True)


def downgrade() -> None:
    op.drop_table("turns")
