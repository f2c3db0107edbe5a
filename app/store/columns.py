"""Column types that mean the same on SQLite and PostgreSQL."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant: integer microseconds on SQLite, timestamptz on PostgreSQL. A naive datetime is refused."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if postgres else BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime is no instant: {value!r}")
        return value if dialect.name == "postgresql" else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else _EPOCH + value * _MICROSECOND


def json_text(value: Any) -> str:
    """The JSON that a column keeps. Raises ValueError for NaN, infinities, NUL and lone surrogates."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    if "\\u0000" in text:
        raise ValueError("a NUL character cannot be stored")
    text.encode()  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
    return text


# PostgreSQL compares and indexes jsonb; SQLite keeps the same text.
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
