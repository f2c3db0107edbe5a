"""A calendar of the user's own, as a document."""

from datetime import date
from typing import Any

import pytest

from app.definitions.custom_calendar import parse_calendar
from app.errors import Invalid

TODAY = date(2026, 11, 24)
DAY = [["continuous", "09:00", "15:00"]]
DOCUMENT: dict[str, Any] = {
    "name": "XDEMO",
    "timezone": "America/Chicago",
    "hours": [
        {"since": "2026-03-01", "phases": [[["continuous", "21:00", "02:30", -1]], DAY]},
        {"since": "2026-01-01", "phases": DAY},
    ],
    "sessions": ["2026-11-25", "2026-11-24", "2026-11-27"],
    "special": [{"date": "2026-11-27", "phases": [["continuous", "09:00", "11:30"]]}],
    "known_until": "2026-11-30",
}


def faults(document: object) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parse_calendar(document, TODAY)
    return {fault.pointer: fault.message for fault in caught.value.faults}


def test_what_it_says_is_kept_in_order() -> None:
    found = parse_calendar(DOCUMENT, TODAY)
    assert (found.name, found.timezone, found.known_until) == ("XDEMO", "America/Chicago", date(2026, 11, 30))
    assert found.sessions == [date(2026, 11, day) for day in (24, 25, 27)]
    assert [(entry["since"], len(entry["phases"])) for entry in found.hours] == [
        ("2026-01-01", 1),
        ("2026-03-01", 1),
        ("2026-03-01", 1),
    ]
    assert found.special == {date(2026, 11, 27): [[["continuous", "09:00", "11:30"]]]}


@pytest.mark.parametrize(
    ("changes", "pointer", "message"),
    [
        ({"name": "xdemo"}, "/name", "must be upper case letters"),
        ({"name": "X" * 33}, "/name", "at most 32 characters"),
        ({"name": "XSHG"}, "/name", "XSHG comes with Openbell"),
        ({"timezone": "Asia/Shangai"}, "/timezone", "is no time zone"),
        ({"timezone": None}, "/timezone", "must be a"),
        ({"hours": []}, "/hours", "must have at least 1 entries"),
        (
            {"hours": [{"since": "2026-11-25", "phases": DAY}]},
            "/hours",
            "begin at 2026-11-25, after the first session (2026-11-24)",
        ),
        ({"hours": [{"since": "2026-01-01", "phases": [["continuous", "9", "15:00"]]}]}, "/hours/0/phases/0/1", "must be a time"),
        ({"hours": [{"since": "2026-01-01", "phases": DAY}] * 2}, "/hours/1/since", "is named twice"),
        ({"sessions": []}, "/sessions", "must have at least 1 entries"),
        ({"sessions": ["2026-11-24", "2026-11-24", "2026-11-27"]}, "/sessions/1", "is named twice"),
        ({"sessions": ["2026-11-24", "2026-11-27", "2026-12-01"]}, "/sessions/2", "lies past known_until"),
        ({"sessions": ["2026-11-24", "2026-11-31"]}, "/sessions/1", "must be a date"),
        ({"special": [{"date": "2026-11-26", "phases": DAY}]}, "/special/0/date", "is not among the sessions"),
        ({"special": [{"date": "2026-11-27", "phases": DAY}] * 2}, "/special/1/date", "is named twice"),
        ({"known_until": "2040-01-01"}, "/known_until", "more than ten years ahead"),
        ({"known_from": "2026-01-01"}, "/known_from", "is an unknown field"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(changes: dict[str, Any], pointer: str, message: str) -> None:
    assert message in faults({**DOCUMENT, **changes})[pointer]
