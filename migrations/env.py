"""Alembic's entry: one tree for SQLite and PostgreSQL, run through `app.store.migrate` on its connection."""

from alembic import context

from app.store.tables import metadata


def run() -> None:
    """Migrate on the connection that `app.store.migrate` hands over: its transaction is the migration's."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        transactional_ddl=True,
    )
    context.run_migrations()


run()
