"""A user's module that cannot be imported."""

from app.definitions import op


@op
def half_registered() -> int:
    return 1


raise RuntimeError("this module is broken")
