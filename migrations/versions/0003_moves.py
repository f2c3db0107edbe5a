"""The database refuses every move of a run or a step that the state machine does not have."""

from alembic import op

from app.store.moves import guards

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Those of this code, whichever it is: a revision that changes the moves puts the guards in anew.
    for statement in guards(op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for table in ("runs", "steps"):
        on = f" ON {table}" if op.get_context().dialect.name == "postgresql" else ""
        op.execute(f"DROP TRIGGER legal_moves_of_{table}{on}")
