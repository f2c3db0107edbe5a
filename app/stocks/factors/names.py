"""The type of a param that names a factor: a shipped one, or one that a module brought along."""

from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from app.definitions.names import suggestion
from app.stocks.dictionary.scores import BUILT_IN
from app.stocks.factors.declare import registered


def known() -> tuple[str, ...]:
    """Every factor that scores may weigh, as far as modules have been imported by now."""
    return (*BUILT_IN, *sorted(registered))


class _Listed:
    """Lists the names in the param's schema, so that a misspelt one is refused when a pipeline is registered."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "enum": list(known())}


def _check(name: str) -> str:
    if name not in known():
        raise ValueError(f"there is no factor {name!r}{suggestion(name, known())} (the factors are {', '.join(known())})")
    return name


FactorName = Annotated[str, AfterValidator(_check), _Listed()]
