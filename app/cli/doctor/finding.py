"""What one check found."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One fact: `failed` keeps something from working, `warning` may do so later."""

    check: str
    status: Literal["ok", "warning", "failed"]
    detail: str
    hint: str = ""


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", detail)


def warning(check: str, detail: str, hint: str = "") -> Finding:
    """Something to look after."""
    return Finding(check, "warning", detail, hint)


def failed(check: str, detail: str, hint: str = "") -> Finding:
    """Something that must be put right."""
    return Finding(check, "failed", detail, hint)
