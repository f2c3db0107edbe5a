"""Text that comes out of ops, made fit to store: bounded, without NUL and lone surrogates, whatever the object does."""

from typing import Any


def clean(text: str, limit: int) -> str:
    """The text with at most `limit` characters (its middle gives way) and every character that a database refuses escaped."""
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def shown(value: Any, limit: int) -> str:
    """`str(value)`, also when that raises."""
    try:
        return clean(str(value), limit)
    except BaseException as error:
        return f"<a {type(value).__name__} whose text raises {type(error).__name__}>"
