"""One MetaData with a naming convention, and the few column shapes that tables share."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, MetaData, Text

from app.store.columns import Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def instant(name: str, *, nullable: bool = False) -> "Column[object]":
    """A UTC instant."""
    return Column(name, Instant, nullable=nullable)


def text(name: str, *, nullable: bool = False, primary_key: bool = False) -> "Column[str]":
    """A text."""
    return Column(name, Text, nullable=nullable, primary_key=primary_key)


def one_of(column: str, values: type[StrEnum] | tuple[str, ...], name: str | None = None) -> CheckConstraint:
    """The column holds one of these, or null where it may."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=name or column)
