"""Who may do what, what they did, and what they already asked for."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from app.store.columns import Json
from app.store.tables.metadata import instant, metadata, one_of, text

ROLES = ("viewer", "operator", "admin")

api_keys = Table(
    "api_keys",
    metadata,
    text("id", primary_key=True),
    text("name"),
    text("role"),
    text("hash"),
    instant("created_at"),
    text("created_by"),
    instant("expires_at", nullable=True),
    instant("last_used_at", nullable=True),
    instant("revoked_at", nullable=True),
    one_of("role", ROLES),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    instant("at"),
    text("actor"),  # a key's id, or the part of the service
    text("action"),
    text("subject"),  # run, pipeline, job, api_key, ...
    text("name"),
    Column("detail", Json),
    text("address", nullable=True),
    Index(None, "subject", "name", "seq"),
    sqlite_autoincrement=True,
)

idempotency = Table(
    "idempotency",
    metadata,
    text("scope", primary_key=True),  # key id and route
    text("key", primary_key=True),
    text("body_hash"),
    Column("answer", Json, nullable=False),
    instant("created_at"),
    Index(None, "created_at"),
)
