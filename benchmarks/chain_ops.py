"""An op that does nothing, for benchmarks/chain.py."""

from app.definitions import op


@op
def idle(before: int = 0) -> int:
    """Hand on what came."""
    return before
