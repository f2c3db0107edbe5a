"""Rings of triggers: jobs that would start one another for ever."""

from sqlalchemy import Connection

from app.store import definitions


def closed_by(connection: Connection, trigger: str, job: str, upstreams: list[str]) -> list[str]:
    """The jobs of a ring that this trigger would close, from its job on and back to it; empty when there is none."""
    follows: dict[str, list[str]] = {}
    for known in definitions.every(connection, "trigger"):
        if known.name != trigger:
            for upstream in known.document["when"].get("jobs", []):
                follows.setdefault(upstream, []).append(known.document["job"])
    paths, seen_jobs = [[job]], {job}
    while paths:
        path = paths.pop()
        for following in follows.get(path[-1], []):
            if following in upstreams:
                return [*path, following, job]
            if following not in seen_jobs:
                seen_jobs.add(following)
                paths.append([*path, following])
    return []
