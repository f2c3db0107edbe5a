"""Triggers as rows: evaluated in the transaction that ends the upstream run or takes the event: none is lost, none doubled."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, delete, exists, insert, select

from app import clock
from app.definitions import placeholders
from app.store import backfills, definitions, firing, firings, joins, stand_ins
from app.store.acceptance import Cause
from app.store.backfills import Over
from app.store.definitions import Definition
from app.store.firing import Wish
from app.store.firings import Firing
from app.store.prepared import Prepared
from app.store.status import RunStatus
from app.store.tables import firings as firing_rows
from app.store.tables import listens, run_datasets, runs

DEEPEST = 20
"""Runs that may fire one another in a row. A loop of triggers is refused; one that events close is cut here."""

_LISTENERS = Prepared(select(listens.c.trigger).where(listens.c.topic == bindparam("heard")).order_by(listens.c.trigger))


def listen(connection: Connection, trigger: str, when: Mapping[str, Any] | None) -> None:
    """Note what the trigger waits for, instead of what it waited for before; nothing, of one that is deleted."""
    connection.execute(delete(listens).where(listens.c.trigger == trigger))
    jobs = (when or {}).get("jobs", [])
    topics = [job_topic(job) for job in [*jobs, *stand_ins.of(connection, jobs)]]
    if when and "event" in when:
        topics.append(event_topic(when["event"]))
    if topics:
        connection.execute(insert(listens), [{"topic": topic, "trigger": trigger} for topic in dict.fromkeys(topics)])


def job_changed(connection: Connection, document: Mapping[str, Any]) -> None:
    """A job was stored: what waits for the job that it stands for waits for its runs too."""
    stood_for = document.get("stands_for")
    for trigger in definitions.every(connection, "trigger") if stood_for else ():
        if stood_for in trigger.document["when"].get("jobs", []):
            listen(connection, trigger.name, trigger.document["when"])


def job_topic(job: str) -> str:
    """What a trigger listens to that waits for runs of the job."""
    return f"job:{job}"


def event_topic(event: str) -> str:
    """What a trigger listens to that waits for the event."""
    return f"event:{event}"


def listeners(connection: Connection, topic: str) -> list[str]:
    """The triggers that listen, by name: everybody locks what belongs to them in this order."""
    return [row["trigger"] for row in _LISTENERS.all(connection, {"heard": topic})]


def run_ended(connection: Connection, run_id: str, job: str) -> None:
    """The run has just ended: fire what waited for it."""
    names = listeners(connection, job_topic(job))
    if not names:
        return
    upstream = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().one()
    if upstream["cause_type"] == "backfill":
        fires, over = backfills.run_ended(connection, upstream)
        if over is not None:
            backfill_over(connection, over)
        if fires != "each":
            return
    for name in names:
        trigger = None if backfills.is_backfill(name) else definitions.find(connection, "trigger", name)
        if trigger is not None and (meant := stand_ins.meant(connection, trigger, upstream)) is not None:
            firings.note(connection, [_heard(connection, trigger, meant)])


def backfill_over(connection: Connection, over: Over) -> None:
    """A backfill has ended: each trigger on its job fires once for all that was done of it, or says why it does not."""
    if over.triggers == "each" or not over.newest:
        return
    for name in listeners(connection, job_topic(over.job)):
        trigger = None if backfills.is_backfill(name) else definitions.find(connection, "trigger", name)
        if trigger is not None:
            firings.note(connection, [_backfilled(connection, trigger, over)])


def _backfilled(connection: Connection, trigger: Definition, over: Over) -> Firing:
    when = trigger.document["when"]
    upstream = over.newest.get(when.get("status", "succeeded"))
    row = firing.of(trigger, over.key, clock.now(), upstream["trade_date"] if upstream else None)
    if trigger.paused_at is not None:
        return replace(row, outcome="skipped", reason="paused", detail=f"the trigger {trigger.name!r} is paused")
    if upstream is None or over.is_silent:
        reason, detail = over.silence(when.get("status", "succeeded"))
        return replace(row, outcome="skipped", reason=reason, detail=detail)
    if when.get("match", "all") == "all" and len(when["jobs"]) > 1:
        return joined(connection, trigger, upstream)
    return fire(connection, trigger, row, upstream, backfill=over)


def _heard(connection: Connection, trigger: Definition, upstream: RowMapping) -> Firing:
    when = trigger.document["when"]
    row = firing.of(trigger, upstream["id"], upstream["finished_at"], upstream["trade_date"])
    if trigger.paused_at is not None:
        return replace(row, outcome="skipped", reason="paused", detail=f"the trigger {trigger.name!r} is paused")
    if upstream["status"] != when.get("status", "succeeded"):
        detail = f"{upstream['job']!r} {upstream['status']}; this waits for {when.get('status', 'succeeded')}"
        return replace(row, outcome="skipped", reason="other_status", detail=detail)
    if trigger.document.get("on_rerun") != "always" and _changed_nothing(connection, upstream):
        return replace(row, outcome="skipped", reason="unchanged", detail=f"run {upstream['id']} published nothing new")
    if when.get("match", "all") == "all" and len(when["jobs"]) > 1:
        return joined(connection, trigger, upstream)
    if (left := _left_out(connection, trigger, upstream, row.key)) is not None:
        return replace(row, outcome="skipped", reason=left[0], detail=left[1])
    return fire(connection, trigger, row, upstream)


def joined(connection: Connection, trigger: Definition, upstream: RowMapping) -> Firing:
    """One more upstream of a join has come: the row of its round, which fires when the last one came."""
    wanted = trigger.document["when"]["jobs"]
    arrival = joins.arrive(
        connection, trigger.name, upstream, joins.deadline(connection, trigger.document, upstream["trade_date"])
    )
    row = firing.of(trigger, arrival.key, upstream["finished_at"], upstream["trade_date"])
    missing = [job for job in wanted if job not in arrival.runs]
    if missing:
        return replace(row, outcome="held", reason="waiting", detail=_waits_for(missing, upstream["trade_date"]))
    joins.close(connection, trigger.name, arrival)
    fired = arrival.again and _has_fired_for(connection, trigger.name, upstream["trade_date"])
    if fired and (left := _unwanted(connection, trigger, upstream)) is not None:
        return replace(row, outcome="skipped", reason=left[0], detail=left[1])
    return fire(connection, trigger, row, upstream, arrival.runs)


def join_expired(connection: Connection, due: joins.Due, now: datetime) -> None:
    """A join's deadline has come with upstreams missing: fire without them, or say that it was missed."""
    trigger = definitions.find(connection, "trigger", due.trigger)
    if trigger is None or "jobs" not in trigger.document["when"]:
        joins.close(connection, due.trigger, due.arrival)
        return
    row = firing.of(trigger, due.arrival.key, now, due.trade_date)
    missing = [job for job in trigger.document["when"]["jobs"] if job not in due.arrival.runs]
    detail = f"at its deadline {clock.iso(due.deadline_at)} {_waits_for(missing, due.trade_date)}"
    joins.close(connection, trigger.name, due.arrival)
    newest = max(due.arrival.runs.values())
    if trigger.document["when"].get("then") == "fire" and trigger.paused_at is None:
        upstream = connection.execute(select(runs).where(runs.c.id == newest)).mappings().one()
        fired = fire(connection, trigger, row, upstream, due.arrival.runs)
        found = replace(fired, reason=fired.reason or "deadline", detail=fired.detail or detail)
    else:
        found = replace(row, outcome="missed", reason="deadline", detail=detail)
    firings.note(connection, [found])


def fire(
    connection: Connection,
    trigger: Definition,
    row: Firing,
    upstream: RowMapping,
    arrived: Mapping[str, str] | None = None,
    backfill: Over | None = None,
) -> Firing:
    """Make the run that follows this one, with what its params take from it; with the range of a whole backfill, if its
    pipeline takes one."""
    depth = upstream["depth"] + 1
    if depth > DEEPEST:
        detail = f"{DEEPEST} runs have fired one another in a row already: this looks like a loop"
        return replace(row, outcome="failed", reason="too_deep", detail=detail)
    known = {"upstream.trade_date": upstream["trade_date"].isoformat() if upstream["trade_date"] else None}
    known |= {f"upstream.params.{name}": value for name, value in upstream["params"].items()}
    note = "after " + ", ".join(f"{job} ({run})" for job, run in sorted((arrived or {upstream["job"]: upstream["id"]}).items()))
    params: Mapping[str, Any] = {}
    if backfill is not None:
        note = f"after the backfill {backfill.id} of {backfill.job} for {backfill.range}"
        if upstream["status"] == RunStatus.succeeded:
            params = backfills.range_for(connection, trigger.document["job"], backfill)
    cause = Cause("trigger", trigger.name, depth)
    wish = Wish(trigger.document["job"], params, upstream["trade_date"], cause, note=note)
    return _send(connection, trigger, row, known, wish)


def event_came(connection: Connection, name: str, event_id: str, payload: Mapping[str, Any], at: datetime) -> list[Firing]:
    """Fire what waits for the event; answers what each of its triggers did."""
    found = []
    for listener in listeners(connection, event_topic(name)):
        trigger = definitions.find(connection, "trigger", listener)
        if trigger is not None:
            found.append(seen(connection, trigger, event_id, at, payload, Cause("event", trigger.name)))
    return found


def seen(connection: Connection, trigger: Definition, key: str, at: datetime, payload: Mapping[str, Any], cause: Cause) -> Firing:
    """Something outside happened that the trigger waits for, once for each key: fire, and write it down."""
    known = firings.find(connection, "trigger", trigger.name, key)
    if known is not None and known["outcome"] != "held":
        return Firing(**{name: known[name] for name in Firing.__dataclass_fields__})
    row = firing.of(trigger, key, at)
    if trigger.paused_at is not None:
        found = replace(row, outcome="skipped", reason="paused", detail=f"the trigger {trigger.name!r} is paused")
    else:
        found = _outside(connection, trigger, row, payload, cause)
    firings.note(connection, [found])
    return found


def _outside(connection: Connection, trigger: Definition, row: Firing, payload: Mapping[str, Any], cause: Cause) -> Firing:
    day = payload.get("trade_date")
    try:
        trade_date = date.fromisoformat(day) if isinstance(day, str) else None
    except ValueError:
        return replace(row, outcome="failed", reason="refused", detail=f"the payload's trade_date {str(day)[:40]!r} is no date")
    known = {f"event.{name}": value for name, value in payload.items()}
    return _send(connection, trigger, row, known, Wish(trigger.document["job"], {}, trade_date, cause))


def _send(connection: Connection, trigger: Definition, row: Firing, known: Mapping[str, Any], wish: Wish) -> Firing:
    try:
        params = placeholders.replaced(trigger.document.get("params", {}), lambda inside: known[inside])
    except KeyError as error:
        detail = f"its params ask for ${{{error.args[0]}}}, which this does not have"
        return replace(row, outcome="failed", reason="refused", detail=detail)
    return firing.fire(connection, replace(wish, params={**wish.params, **params}), row)


def _left_out(connection: Connection, trigger: Definition, upstream: RowMapping, key: str) -> tuple[str, str] | None:
    """Why a run that ended as wanted fires nothing: the trigger has fired for its job and trade date already."""
    if upstream["trade_date"] is None or trigger.document.get("on_rerun") == "always":
        return None
    # Of two runs that end together each would find on PostgreSQL that nothing has fired yet.
    definitions.lock(connection, "trigger", trigger.name)
    if not _has_fired(connection, trigger.name, upstream, key):
        return None
    return _unwanted(connection, trigger, upstream)


def _unwanted(connection: Connection, trigger: Definition, upstream: RowMapping) -> tuple[str, str] | None:
    """Why a run that was there before fires nothing, if its trigger says so."""
    rule, day = trigger.document.get("on_rerun", "if_changed"), upstream["trade_date"]
    if rule == "never":
        return "rerun", f"it has fired for {day} already, and on_rerun is 'never'"
    if rule == "if_changed" and not _has_published(connection, upstream["id"]):
        return "unchanged", f"it has fired for {day} already, and run {upstream['id']} published nothing new"
    return None


def _changed_nothing(connection: Connection, upstream: RowMapping) -> bool:
    """Whether it only stood for a run, as a repair does, and did not have to. How it failed is told who waits for itself."""
    succeeded = upstream["status"] == RunStatus.succeeded
    stood_in = upstream.get("stands_in") or (succeeded and stand_ins.stood_for(connection, upstream) is not None)
    return bool(stood_in) and not _has_published(connection, upstream["id"])


def _has_fired(connection: Connection, name: str, upstream: RowMapping, key: str) -> bool:
    earlier = and_(
        firing_rows.c.kind == "trigger",
        firing_rows.c.name == name,
        firing_rows.c.trade_date == upstream["trade_date"],
        firing_rows.c.outcome == "fired",
        firing_rows.c.key != key,
        runs.c.id == firing_rows.c.key,
        runs.c.job == upstream["job"],
    )
    return bool(connection.execute(select(exists().where(earlier))).scalar())


def _has_fired_for(connection: Connection, name: str, day: date) -> bool:
    earlier = and_(
        firing_rows.c.kind == "trigger",
        firing_rows.c.name == name,
        firing_rows.c.trade_date == day,
        firing_rows.c.outcome == "fired",
    )
    return bool(connection.execute(select(exists().where(earlier))).scalar())


def _has_published(connection: Connection, run_id: str) -> bool:
    made = and_(run_datasets.c.run_id == run_id, run_datasets.c.mode == "published")
    return bool(connection.execute(select(exists().where(made))).scalar())


def _waits_for(jobs: list[str], day: date | None) -> str:
    return f"waits for {', '.join(jobs)}" + (f" of {day}" if day else "")
