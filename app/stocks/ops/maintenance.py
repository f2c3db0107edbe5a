"""The ops of lake_maintenance. What they do is the service's: it alone knows which rows and files are still needed."""

from app.definitions import OpContext, op
from app.stocks.lake import handover

_TAGS = {"effects": "changes what the service keeps"}


@op(timeout_seconds=3600, tags=_TAGS)
def retention(context: OpContext) -> None:
    """Forget snapshots that are neither recent, nor a month's last, pinned or in use; take away what only they named."""
    _report(context, "retention")


@op(timeout_seconds=3600, tags=_TAGS)
def clear_scratch(context: OpContext) -> None:
    """Take away what runs left in scratch that nobody takes up again, and hand-overs whose time is over."""
    _report(context, "scratch")
    context.metric("handovers", handover.expire(context.data_dir, context.now()))


@op(timeout_seconds=3600, tags=_TAGS)
def prune_history(context: OpContext) -> None:
    """Take away old logs, and old runs that published nothing."""
    _report(context, "history")


@op(timeout_seconds=3600, tags=_TAGS)
def back_up(context: OpContext) -> None:
    """Back the service's database up beside the older backups, of which the newest are kept.

    On PostgreSQL that is a list of what belongs to it: the log says by which command the copy itself is made.
    """
    done = _report(context, "backup")
    if command := done.get("command"):
        context.log.warning("PostgreSQL is copied by its own tool, soon after this", command=command)


def _report(context: OpContext, duty: str) -> dict[str, object]:
    done = context.maintain(duty)
    for name, value in done.items():
        if isinstance(value, int):
            context.metric(name, value)
    context.log.info(f"{duty} is done", **done)
    return done
