"""A repeated POST gets the first answer again: kept in the transaction that made the work."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app import clock
from app.errors import Invalid
from app.store.tables import idempotency

KEPT = timedelta(hours=24)


def once(
    connection: Connection, scope: str, key: str | None, body_hash: str, make: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """The answer of `make`, or the one that the key got before, and whether it is a repetition.

    Raises Invalid when the key came with another body. Without a key it only makes. Two at the same time: the second waits
    for the first's commit at the row's key, and then reads it.
    """
    if key is None:
        return make(), False
    _forget(connection, scope, key)
    if _claim(connection, scope, key, body_hash):
        answer = make()
        connection.execute(update(idempotency).where(_is(scope, key)).values(answer=answer))
        return answer, False
    known = connection.execute(select(idempotency.c.body_hash, idempotency.c.answer).where(_is(scope, key))).one()
    if known.body_hash != body_hash:
        raise Invalid(
            "This Idempotency-Key was used with another body.",
            hint="Use a new key for a new request; send the same body to repeat one.",
        )
    return dict(known.answer), True


def _is(scope: str, key: str) -> ColumnElement[bool]:
    return and_(idempotency.c.scope == scope, idempotency.c.key == key)


def _forget(connection: Connection, scope: str, key: str) -> None:
    old = and_(_is(scope, key), idempotency.c.created_at <= clock.now() - KEPT)
    connection.execute(delete(idempotency).where(old))


def _claim(connection: Connection, scope: str, key: str, body_hash: str) -> bool:
    """Take the key; False when it is taken. The row comes before the work, so a second request waits here."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"scope": scope, "key": key, "body_hash": body_hash, "answer": {}, "created_at": clock.now()}
    # By what it returns: psycopg counts no rows of such an insert.
    taken = insert(idempotency).values(row).on_conflict_do_nothing().returning(idempotency.c.key)
    return connection.execute(taken).first() is not None


def prune(connection: Connection) -> int:
    """Forget what is older than a day; answers how many."""
    return connection.execute(delete(idempotency).where(idempotency.c.created_at <= clock.now() - KEPT)).rowcount
