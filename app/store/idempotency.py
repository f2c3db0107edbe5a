"""A repeated POST gets the first answer again: kept in the transaction that made the work."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select

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
    query = select(idempotency.c.body_hash, idempotency.c.answer).where(
        idempotency.c.scope == scope, idempotency.c.key == key, idempotency.c.created_at > clock.now() - KEPT
    )
    known = connection.execute(query).first()
    if known is None:
        connection.execute(delete(idempotency).where(idempotency.c.scope == scope, idempotency.c.key == key))
        answer = make()
        row = {"scope": scope, "key": key, "body_hash": body_hash, "answer": answer, "created_at": clock.now()}
        connection.execute(insert(idempotency).values(row))
        return answer, False
    if known.body_hash != body_hash:
        raise Invalid(
            "This Idempotency-Key was used with another body.",
            hint="Use a new key for a new request; send the same body to repeat one.",
        )
    return dict(known.answer), True


def prune(connection: Connection) -> int:
    """Forget what is older than a day; answers how many."""
    return connection.execute(delete(idempotency).where(idempotency.c.created_at <= clock.now() - KEPT)).rowcount
