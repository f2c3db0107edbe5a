"""The port through which faces ask a warm child; `main` binds it, in every role."""

from typing import Any, Protocol


class Queries(Protocol):
    """Read-only functions that op modules registered with @query."""

    def ask(self, name: str, params: dict[str, Any], timeout: float = 5) -> Any:
        """The answer as JSON, or an Arrow table as IPC bytes. Raises Unavailable when no child answers in time."""
