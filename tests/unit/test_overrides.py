"""What people may say of days: whole or not at all, every fault told where it stands."""

from datetime import date, timedelta
from typing import Any

import pytest

from app.definitions.calendar import Calendar
from app.definitions.overrides import Override, Overrides, parse_overrides
from app.errors import Invalid

TODAY = date(2026, 11, 24)
HORIZON = date(2026, 12, 31)
WEEKDAYS = [date(2026, 1, 5) + timedelta(days=number) for number in range(361) if number % 7 < 5]
XSHG = Calendar("XSHG", WEEKDAYS, known_until=HORIZON)
TYPHOON = {"date": "2026-11-25", "session": False, "reason": "typhoon"}


def parsed(document: object) -> Overrides:
    return parse_overrides(document, XSHG, HORIZON, TODAY)


def faults(document: object) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parsed(document)
    return {fault.pointer: fault.message for fault in caught.value.faults}


def test_one_day_and_many_are_the_same() -> None:
    typhoon = Override(date(2026, 11, 25), False, "typhoon")
    assert parsed(TYPHOON) == Overrides((typhoon,), None)
    assert parsed({"overrides": [TYPHOON]}) == Overrides((typhoon,), None)
    assert parsed({"csv": "date,session,reason\n2026-11-25,false,typhoon\n"}) == Overrides((typhoon,), None)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffdate,session,reason\r\n2026-11-25,FALSE,typhoon\r\n\r\n",
        'Reason, Date, Session\n"typhoon",2026-11-25,closed',
        "date,session,reason\n2026-11-25 , no , typhoon\n,,\n",
    ],
)
def test_csv_as_spreadsheets_write_it(text: str) -> None:
    assert parsed({"csv": text}).days == (Override(date(2026, 11, 25), False, "typhoon"),)


def test_half_a_day_and_a_day_of_two_sessions() -> None:
    half = [["auction", "09:15", "09:25"], ["continuous", "09:30", "11:30"]]
    day = {"date": "2026-11-25", "session": True, "reason": "half day"}
    assert parsed({**day, "phases": half}).days[0].phases == [half]
    two = [[["continuous", "21:00", "02:30", -1]], half]
    assert parsed({**day, "phases": two}).days[0].phases == two


@pytest.mark.parametrize(
    ("phases", "pointer", "message"),
    [
        ([], "", "must be a list of phases"),
        ([["lunch", "11:30", "13:00"]], "/0/0", "must be one of auction, continuous, closing_auction, after_hours"),
        ([["continous", "11:30", "13:00"]], "/0/0", "did you mean 'continuous'?"),
        ([["continuous", "9:30", "13:00"]], "/0/1", "must be a time from 00:00 to 23:59, not '9:30'"),
        ([["continuous", "09:30", "24:00"]], "/0/2", "must be a time"),
        ([["continuous", "09:30", 1130]], "/0/2", "must be a time"),
        ([["continuous", "09:30", "09:30"]], "/0/2", "must not be the time at which it begins"),
        ([["continuous", "09:30", "11:30", 1]], "/0/3", "from -3"),
        ([["continuous", "09:30"]], "/0", "must be a name and two times"),
        ([["continuous", "09:30", "11:30"], ["continuous", "11:00", "12:00"]], "/1", "before the phase in front of it has ended"),
        ([[["continuous", "09:30", "11:30"]], [["continuous", "08:00", "09:00"]]], "/1/0", "before the phase in front"),
        ([[["continuous", "09:30", "11:30"]]] * 7, "", "has 7 sessions; a date may have 6"),
        ([["continuous", "09:30", "11:30"]] * 13, "", "has 13 phases; a session may have 12"),
        (["continuous", "09:30", "11:30"], "", "must be a list of phases, such as"),
    ],
)
def test_phases_that_are_none(phases: Any, pointer: str, message: str) -> None:
    found = faults({"overrides": [{"date": "2026-11-25", "session": True, "reason": "r", "phases": phases}]})
    assert list(found) == [f"/overrides/0/phases{pointer}"]
    assert message in found[f"/overrides/0/phases{pointer}"]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = faults(
        {
            "overrides": [
                TYPHOON,
                {**TYPHOON, "session": "no"},
                {**TYPHOON, "date": "2026-02-30"},
                {**TYPHOON, "reason": " "},
                {**TYPHOON, "raeson": "x", "date": "2026-11-26"},
                {**TYPHOON},
                {**TYPHOON, "date": "2025-12-31"},
                {**TYPHOON, "date": "2027-01-04"},
                {**TYPHOON, "date": "2026-11-27", "phases": [["continuous", "09:30", "11:30"]]},
                7,
            ],
            "otherwise": "weekdays",
        }
    )
    assert found == {
        "/otherwise": "is said of the days up to known_until, which is missing",
        "/overrides/1/session": "must be a boolean, not 'no'",
        "/overrides/2/date": "must be a date such as 2026-11-20, not '2026-02-30'",
        "/overrides/3/reason": "must have at least 1 character, not ' '",
        "/overrides/4/raeson": "is an unknown field; did you mean 'reason'?",
        "/overrides/5/date": "2026-11-25 is named twice",
        "/overrides/6/date": "2025-12-31 lies before the first session of XSHG (2026-01-05)",
        "/overrides/7/date": "2027-01-04 lies past the horizon (2026-12-31), which a list for the days up to then moves: "
        '"known_until": "..."',
        "/overrides/8/phases": "a day that is no session has none",
        "/overrides/9": "must be an object, not 7",
    }


@pytest.mark.parametrize(
    ("document", "pointer", "message"),
    [
        ([], "", "must be an object"),
        ({}, "/date", "is missing"),
        ({"overrides": []}, "/overrides", "names no day"),
        ({"overrides": {}}, "/overrides", "must be a list"),
        ({"overrides": [TYPHOON], "csv": "x"}, "/csv", "cannot stand beside overrides"),
        ({"overrides": [TYPHOON] * 1001}, "/overrides", "has 1001 days; one request may have 1000"),
        ({"csv": ""}, "/lines/1", "must be the header date,session,reason, not nothing"),
        ({"csv": "date;session;reason\n"}, "/lines/1", "must be the header"),
        ({"csv": "date,session,reason\n2026-11-25,false\n"}, "/lines/2", "has 2 cells, not 3"),
        ({"csv": "date,session,reason\n\n2026-11-25,maybe,x\n"}, "/lines/3/session", "must be a boolean, not 'maybe'"),
        ({"csv": 'date,session,reason\n"2026-11-25,false,x\n'}, "/lines/2", "is no CSV"),
        ({"overrides": [TYPHOON], "known_until": "2026-12-30"}, "/known_until", "lies before 2026-12-31"),
        ({"overrides": [TYPHOON], "known_until": "2037-12-30"}, "/known_until", "more than ten years ahead"),
        ({"overrides": [TYPHOON], "known_until": "soon"}, "/known_until", "must be a date"),
        ({"overrides": [TYPHOON], "known_untli": "2027-12-31"}, "/known_untli", "did you mean 'known_until'?"),
    ],
)
def test_documents_that_say_nothing(document: Any, pointer: str, message: str) -> None:
    found = faults(document)
    assert message in found.get(pointer, str(found))


HOLIDAYS = {f"2027-02-{day:02}": "spring festival" for day in range(8, 13)} | {"2027-01-01": "new year"}
LIST = {
    "overrides": [{"date": day, "session": False, "reason": reason} for day, reason in HOLIDAYS.items()],
    "known_until": "2027-12-31",
    "otherwise": "weekdays",
}


def test_the_official_list_of_a_year_names_holidays() -> None:
    found = parsed(LIST)
    sessions = [day.date for day in found.days if day.session]
    weekdays = [day for day in (HORIZON + timedelta(days=number) for number in range(1, 366)) if day.weekday() < 5]
    assert sessions == [day for day in weekdays if day.isoformat() not in HOLIDAYS]
    assert found.known_until == date(2027, 12, 31)
    assert [day.reason for day in found.days if not day.session] == ["new year"] + ["spring festival"] * 5


def test_a_list_that_forgot_half_the_year_is_no_list() -> None:
    """Days past the horizon that nobody named would pass for holidays."""
    first_week = [{"date": f"2027-01-{day:02}", "session": True, "reason": "list"} for day in range(4, 9)]
    found = faults({"overrides": first_week, "known_until": "2027-12-31"})
    assert "says nothing of the 357 days between 2027-01-08 and 2028-01-01" in found["/known_until"]
    assert faults({"known_until": "2027-12-31"})
    assert parsed({"overrides": first_week, "known_until": "2027-01-10"}).known_until == date(2027, 1, 10)
