"""Imports without what they would bring along and nobody uses."""

import sys


def import_structlog() -> None:
    """structlog imports rich wherever it is installed: 8 MB, for tracebacks that no service draws."""
    before = sys.modules.get("rich")
    sys.modules["rich"] = None  # type: ignore[assignment]  # how Python is told that there is none
    import structlog  # noqa: F401  (for its import alone)

    del sys.modules["rich"]
    if before is not None:
        sys.modules["rich"] = before
