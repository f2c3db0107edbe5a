"""The pool: a named limit over runs of any job."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from app.definitions.faults import Faults
from app.definitions.plain import must_be_plain
from app.definitions.shape import Name, Shape, Text, read


class PoolDocument(Shape):
    """A pool as it is sent. Of size 0, it holds every run back that needs it."""

    name: Name
    size: int = Field(ge=0, le=10_000)
    description: Text = ""


_DETAIL = "The pool is not valid."


@dataclass(frozen=True)
class Pool:
    """A pool without a fault, and its canonical form."""

    name: str
    size: int
    document: dict[str, Any]


def parse_pool(document: object) -> Pool:
    """The pool that the document describes. Raises Invalid with every fault."""
    faults = Faults()
    must_be_plain(document, faults, _DETAIL)
    model, _ = read(PoolDocument, document, faults)
    faults.finish(_DETAIL)
    assert model is not None
    return Pool(model.name, model.size, model.plain())
