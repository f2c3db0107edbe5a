"""Documents of every kind checked against what they name: ops, pools, pipelines, jobs, calendars, each other."""

from collections.abc import Collection, Mapping
from typing import Any

from app import clock
from app.definitions import prospects
from app.definitions.calendar import SHIPPED, Calendar
from app.definitions.catalogue import Catalogue
from app.definitions.deadline import check_anchor, parse_deadline
from app.definitions.job import parse_job
from app.definitions.moment import parse_moment
from app.definitions.names import suggestion
from app.definitions.pipeline import parse_pipeline
from app.definitions.schedule import HINT, parse_schedule
from app.definitions.trigger import parse_trigger
from app.errors import Fault, Invalid, NotFound
from app.store import calendars, definitions, rings, triggers
from app.store.acceptance import job_and_pipeline
from app.store.database import Connection

TRIGGERS = 50
"""Triggers that may wait for one job."""


def checked(
    connection: Connection, catalogue: Catalogue, kind: str, document: object, known_pools: Mapping[str, int]
) -> tuple[dict[str, Any], str | None]:
    """The valid document of any kind, and the name of what it uses. Raises Invalid with every fault."""
    if kind == "pipeline":
        return parse_pipeline(document, catalogue, pools=known_pools).document, None
    known = {*SHIPPED, *calendars.names(connection)}
    if kind in ("schedule", "trigger"):
        fired = _fired(connection, catalogue, kind, document, sorted(known))
        return fired, fired["job"]
    if kind == "deadline":
        deadline = _deadline(connection, document, sorted(known))
        return deadline, deadline["job"]
    pipelines = definitions.names(connection, "pipeline")
    # A start plants the job that it stands for a moment later.
    jobs = {*definitions.names(connection, "job"), *(each.document["name"] for each in catalogue.documents if each.kind == "job")}
    of = _pipeline_of(connection, document)
    job = parse_job(document, of, pipelines=pipelines, calendars=sorted(known), jobs=sorted(jobs))
    return job.document, job.pipeline


def _fired(connection: Connection, catalogue: Catalogue, kind: str, document: object, known: Collection[str]) -> dict[str, Any]:
    jobs = definitions.names(connection, "job")

    def pipeline_of(job: str) -> dict[str, Any]:
        return job_and_pipeline(connection, job)[1].document

    if kind == "schedule":
        schedule = parse_schedule(document, jobs, pipeline_of=pipeline_of, calendars=known).document
        _refuse_impossible(connection, schedule)
        return schedule
    trigger = parse_trigger(document, jobs, pipeline_of=pipeline_of).document
    _refuse_loop(connection, trigger)
    _refuse_timeless(connection, trigger)
    _refuse_unknown_dataset(catalogue, trigger)
    _refuse_crowd(connection, trigger)
    return trigger


def _deadline(connection: Connection, document: object, known: Collection[str]) -> dict[str, Any]:
    def calendar_of_job(job: str) -> str | None:
        found = definitions.find(connection, "job", job)
        return found.document.get("calendar") if found else None

    jobs = definitions.names(connection, "job")
    deadline = parse_deadline(document, jobs, calendar_of=calendar_of_job, calendars=known)
    named = {"calendar": deadline.document.get("calendar") or calendar_of_job(deadline.job)}
    if (calendar := calendar_of(connection, named)) is not None:
        check_anchor(deadline.document, calendar, clock.market_date())
    return deadline.document


def _refuse_crowd(connection: Connection, document: dict[str, Any]) -> None:
    """Whoever ends a run fires all its triggers in that transaction, and nobody else writes meanwhile."""
    for number, job in enumerate(document["when"].get("jobs", [])):
        waiting = [name for name in triggers.listeners(connection, triggers.job_topic(job)) if name != document["name"]]
        if len(waiting) >= TRIGGERS:
            sentence = f"{len(waiting)} triggers wait for {job!r} already, which is the most"
            hint = "Let one trigger fire a job, and the others wait for that one."
            raise Invalid("The trigger is not valid.", faults=[Fault(f"/when/jobs/{number}", sentence)], hint=hint)


def _refuse_timeless(connection: Connection, document: dict[str, Any]) -> None:
    """A trigger that counts from sessions needs those of its job."""
    when = document["when"]
    texts = {"/when/deadline": when.get("deadline")}
    for name in ("from", "until"):
        texts[f"/when/vendor_ready/{name}"] = when.get("vendor_ready", {}).get(name)
    job = definitions.get(connection, "job", document["job"]).document
    if "calendar" in job:
        return
    for pointer, text in texts.items():
        moment = parse_moment(text) if text else None
        if moment is not None and (moment.anchor or "vendor_ready" in pointer):
            sentence = f"{text!r} is counted from sessions, and the job {document['job']!r} has no calendar"
            raise Invalid("The trigger is not valid.", faults=[Fault(pointer, sentence)], hint='Give the job "calendar": "XSHG".')


def _refuse_unknown_dataset(catalogue: Catalogue, document: dict[str, Any]) -> None:
    """A vendor's readiness is asked of a query of the op modules, whose schema names the datasets that there are."""
    asked = document["when"].get("vendor_ready", {}).get("dataset")
    told = next((query.params_schema for query in catalogue.queries if query.name == "source_readiness"), {})
    names = told.get("properties", {}).get("dataset", {}).get("enum", [])
    if asked is not None and names and asked not in names:
        sentence = f"no source has a dataset {asked!r}{suggestion(asked, names) or '; there are ' + ', '.join(names)}"
        raise Invalid("The trigger is not valid.", faults=[Fault("/when/vendor_ready/dataset", sentence)])


def _refuse_impossible(connection: Connection, document: dict[str, Any]) -> None:
    if problem := prospects.impossible(document, calendar_of(connection, document), clock.now()):
        pointer = "/cron" if "cron" in document else "/at"
        raise Invalid("The schedule is not valid.", faults=[Fault(pointer, problem)], hint=HINT)


def _refuse_loop(connection: Connection, document: dict[str, Any]) -> None:
    upstreams = document["when"].get("jobs", [])
    if ring := rings.closed_by(connection, document["name"], document["job"], upstreams):
        sentence = f"would close a loop: {' -> '.join(ring)} would start one another for ever"
        hint = "Take one of the triggers between them away, or let it wait for another job."
        raise Invalid("The trigger is not valid.", faults=[Fault("/when/jobs", sentence)], hint=hint)


def calendar_of(connection: Connection, document: Mapping[str, Any]) -> Calendar | None:
    """The calendar that the document names; None without one, or before it is planted."""
    name = document.get("calendar")
    try:
        return calendars.load(connection, name) if name else None
    except NotFound:
        return None


def _pipeline_of(connection: Connection, document: object) -> dict[str, Any] | None:
    """The pipeline document that a job's document names, if it names one that is there."""
    if not isinstance(document, dict) or not isinstance(document.get("pipeline"), str):
        return None
    version = document.get("pipeline_version")
    found = definitions.find(connection, "pipeline", document["pipeline"], version if isinstance(version, int) else None)
    return found.document if found else None
