"""Vendors' ids of A-shares and the canonical one: `600000.SH`, `sh.600000`, `SH600000` and `600000` are `600000.XSHG`.

An id that an exchange has replaced stands for the one of today: `830799.BJ` is `920799.BJSE`.
"""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from app.stocks import code_changes

_EXCHANGES = {"SH": "XSHG", "SS": "XSHG", "XSHG": "XSHG", "SZ": "XSHE", "XSHE": "XSHE", "BJ": "BJSE", "BJSE": "BJSE"}
_SUFFIX = re.compile(r"([0-9]{6})\.([A-Z]{2,4})")
_PREFIX = re.compile(r"([A-Z]{2})\.?([0-9]{6})")
_BARE = re.compile(r"[0-9]{6}")
# The first match decides: Beijing's 92 before Shanghai's 9.
_BY_DIGITS = (("92", "BJSE"), ("6", "XSHG"), ("9", "XSHG"), *((digit, "XSHE") for digit in "023"), ("4", "BJSE"), ("8", "BJSE"))


def canonical(text: str) -> str | None:
    """The canonical id of today, of whatever kind of instrument; None when the text is no id of the three exchanges."""
    written = as_written(text)
    return written and code_changes.shipped().get(written, written)


def as_written(text: str) -> str | None:
    """The id in canonical form, be it one of today or a former one; None when the text is no id of the three exchanges."""
    text = text.strip().upper()
    if match := _SUFFIX.fullmatch(text):
        digits, mark = match.groups()
    elif match := _PREFIX.fullmatch(text):
        mark, digits = match.groups()
    elif _BARE.fullmatch(text):
        digits = text
        mark = next((exchange for prefix, exchange in _BY_DIGITS if digits.startswith(prefix)), "")
    else:
        return None
    exchange = _EXCHANGES.get(mark)
    return f"{digits}.{exchange}" if exchange else None


def _all_canonical(texts: Sequence[str]) -> list[str]:
    # What is no id stays as it was written: whoever looks it up names it, and the nearest one that exists.
    return list(dict.fromkeys(canonical(text) or text for text in texts))


Symbols = Annotated[list[str], AfterValidator(_all_canonical)]
"""The type of an op's param `symbols`: ids in any vendor's spelling; the op gets the canonical ones, each once."""
