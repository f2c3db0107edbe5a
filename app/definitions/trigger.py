"""The trigger: fires a job because runs ended, an event arrived, a file or a vendor's data is there."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from app.definitions import placeholders
from app.definitions.faults import Faults, Path, shown
from app.definitions.moment import MomentText, parse_moment
from app.definitions.names import is_name
from app.definitions.plain import must_be_plain
from app.definitions.schedule import PipelineOfJob, check_job
from app.definitions.shape import Name, Params, Shape, Text, read


class WhenJobs(Shape):
    """Runs of these jobs ended so. `all`: joined on the same trade date."""

    jobs: list[Name] = Field(min_length=1, max_length=100)
    status: Literal["succeeded", "failed", "cancelled"] = "succeeded"
    match: Literal["all", "any"] = "all"
    deadline: MomentText | None = None
    then: Literal["miss", "fire"] = "miss"


class WhenEvent(Shape):
    """An event of that name was sent."""

    event: Name


class Glob(Shape):
    """Which files."""

    glob: Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class WhenFile(Shape):
    """A file that matches is there, and whole."""

    file: Glob


class Readiness(Shape):
    """Which data of the vendor, and when to look for it."""

    dataset: Name
    from_: MomentText = Field(alias="from")
    until: MomentText


class WhenVendorReady(Shape):
    """The vendor says that the day's data is complete."""

    vendor_ready: Readiness


_FORMS: dict[str, type[Shape]] = {"jobs": WhenJobs, "event": WhenEvent, "file": WhenFile, "vendor_ready": WhenVendorReady}


class TriggerDocument(Shape):
    """A trigger as it is sent; `when` has one of four forms and is read for itself."""

    name: Name
    job: Name
    when: dict[str, Any]
    on_rerun: Literal["if_changed", "always", "never"] = "if_changed"
    params: Params = Field(default_factory=dict)
    description: Text = ""
    paused: bool = False


_DETAIL = "The trigger is not valid."
_HINT = 'For example {"name": "scores_after_sync", "job": "scoring_save_job", "when": {"jobs": ["daily_sync_job"]}}.'
_HINTS = {
    "event": 'For example "when": {"event": "model_released"}.',
    "file": 'For example "when": {"file": {"glob": "/data/in/*.csv"}}.',
    "vendor_ready": 'For example "when": {"vendor_ready": {"dataset": "daily_bars", "from": "close+30m", "until": "22:00"}}.',
}
"""By the form of `when` that was chosen."""


@dataclass(frozen=True)
class Trigger:
    """A trigger without a fault, and its canonical form."""

    name: str
    job: str
    document: dict[str, Any]


def parse_trigger(document: object, jobs: Collection[str] | None = None, *, pipeline_of: PipelineOfJob | None = None) -> Trigger:
    """The trigger that the document describes. Raises Invalid with every fault.

    With `jobs`, a job that is not among them is a fault; with `pipeline_of`, the params are checked too.
    """
    faults = Faults()
    must_be_plain(document, faults, _DETAIL)
    model, bad = read(TriggerDocument, document, faults)
    when = None
    if isinstance(document, dict):
        when = _check_when(document, bad, jobs, faults)
        given = {} if "params" in bad else document.get("params", {})
        check_job(document, bad, jobs, pipeline_of, faults, open_params=_check_placeholders(given, when, faults))
    faults.finish(_DETAIL, hint=_hint(document))
    assert model is not None
    assert when is not None
    return Trigger(model.name, model.job, {**model.plain(), "when": when.plain()})


def _hint(document: object) -> str:
    when = document.get("when") if isinstance(document, dict) else None
    return next((_HINTS[form] for form in _HINTS if isinstance(when, dict) and form in when), _HINT)


def _check_when(document: Mapping[str, Any], bad: frozenset[str], jobs: Collection[str] | None, faults: Faults) -> Shape | None:
    if "when" in bad:
        return None
    raw = document["when"]
    chosen = [name for name in _FORMS if name in raw]
    if len(chosen) != 1:
        near = "".join(faults.near(name, _FORMS) for name in list(raw)[:1] if name not in _FORMS)
        faults.add(("when",), f"must have exactly one of {', '.join(_FORMS)}{near}")
        return None
    when, _ = read(_FORMS[chosen[0]], raw, faults, ("when",))
    if isinstance(when, WhenJobs):
        _check_jobs(when, document, jobs, faults)
    if isinstance(when, WhenFile) and not when.file.glob.startswith("/"):
        faults.add(("when", "file", "glob"), f"must begin with /, as /data/in/*.parquet does, not {shown(when.file.glob)}")
    if isinstance(when, WhenVendorReady):
        _check_window(when.vendor_ready, faults)
    return when


def _check_window(window: Readiness, faults: Faults) -> None:
    """Note a window that ends before it starts: of one anchor, or of two clock times; others only a calendar can compare."""
    opens, closes = parse_moment(window.from_), parse_moment(window.until)
    if opens is None or closes is None or opens.anchor != closes.anchor:
        return
    ends_first = closes.at <= opens.at if opens.at and closes.at else closes.offset <= opens.offset
    if ends_first:
        faults.add(
            ("when", "vendor_ready", "until"), f"lies before from ({window.from_}); for example from close+30m until 22:00"
        )


def _check_jobs(when: WhenJobs, document: Mapping[str, Any], jobs: Collection[str] | None, faults: Faults) -> None:
    for index, job in enumerate(when.jobs):
        if job == document.get("job"):
            faults.add(("when", "jobs", index), f"{job!r} would start itself for ever")
        elif job in when.jobs[:index]:
            faults.add(("when", "jobs", index), f"{job!r} is listed already")
        elif jobs is not None and job not in jobs:
            faults.add(("when", "jobs", index), f"there is no job {job!r}{faults.others(job, jobs)}")


def _check_placeholders(params: Mapping[str, Any], when: Shape | None, faults: Faults) -> set[str]:
    """Note placeholders that this kind of trigger cannot fill; answers the params that hold any."""
    holding = set()
    for place, text in placeholders.texts(dict(params)):
        holding.add(str(place[0]))
        path: Path = ("params", *place)
        inside = placeholders.expression(text)
        if inside is None:
            faults.add(path, f"a placeholder replaces a whole value, it cannot be a part of {text!r}")
            continue
        root, _, name = inside.partition(".")
        if root == "event" and is_name(name):
            if isinstance(when, WhenJobs):
                faults.add(path, f"{text!r} needs an event; this trigger knows ${{upstream.…}}")
        elif root == "upstream" and (name == "trade_date" or (name.startswith("params.") and is_name(name[len("params.") :]))):
            if when is not None and not isinstance(when, WhenJobs):
                faults.add(path, f"{text!r} needs an upstream run; this trigger knows ${{event.…}}")
        else:
            faults.add(path, f"{text!r} is none of ${{event.x}}, ${{upstream.trade_date}}, ${{upstream.params.x}}")
    return holding
