"""Names that users give: one pattern, and a suggestion for a misspelt one."""

import difflib
import re
from collections.abc import Iterable

NAME_LIMIT = 63
PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
_NAME = re.compile(PATTERN)


def is_name(text: str) -> bool:
    """Whether the text may name a definition, a node, an op or a pool."""
    return _NAME.fullmatch(text) is not None


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name[:100], list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
