"""When the next queued run is due, from an index: a long queue made the question slow."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    queued = sa.text("worker IS NULL AND finished_at IS NULL")
    op.create_index("ix_runs_due", "runs", ["due_at"], sqlite_where=queued, postgresql_where=queued)


def downgrade() -> None:
    op.drop_index("ix_runs_due", "runs")
