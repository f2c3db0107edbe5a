"""What a trigger means, in one sentence."""

from collections.abc import Mapping
from typing import Any

from app.definitions.moment import parse_moment
from app.definitions.prospects import moment_words

_AGAIN = {
    "if_changed": "again for a date if something new was published",
    "always": "again for a date each time",
    "never": "once for a date",
}


def sentence(document: Mapping[str, Any]) -> str:
    """What fires it, and for which trade date, for people."""
    when = document["when"]
    if "jobs" in when:
        return f"{_jobs(when)}; {_AGAIN[document.get('on_rerun', 'if_changed')]}."
    if "event" in when:
        return f"When the event {when['event']} is sent, for the trade date in its payload, if there is one."
    if "file" in when:
        return f"When a file that matches {when['file']['glob']} is there whole, once for each content."
    asked = when["vendor_ready"]
    window = f"looked for from {_moment(asked['from'])} until {_moment(asked['until'])}"
    return f"When the source has a session's {asked['dataset']}, {window}, for that session."


def _jobs(when: Mapping[str, Any]) -> str:
    jobs, ended = when["jobs"], {"succeeded": "succeeded", "failed": "failed", "cancelled": "been cancelled"}
    together = when.get("match", "all") == "all" and len(jobs) > 1
    status = ended[when.get("status", "succeeded")]
    if not together:
        return f"When {'a' if len(jobs) == 1 else 'any'} run of {_listed(jobs, 'or')} has {status}, for the same trade date"
    text = f"When {_listed(jobs, 'and')} have all {status} for the same trade date"
    if deadline := when.get("deadline"):
        then = "or without the rest" if when.get("then") == "fire" else "missed if they have not"
        text += f", {then} {'at ' if ':' in deadline else ''}{_moment(deadline)} of that date"
    return text


def _listed(names: list[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _moment(text: str) -> str:
    moment = parse_moment(text)
    assert moment is not None
    return f"{moment.at:%H:%M}" if moment.at else moment_words({"at": text}).removeprefix("At ")
