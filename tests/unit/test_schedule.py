"""The schedule's document: cron, moments of a session, days, zones; and what is said of a bad one."""

import json
import re
from datetime import time, timedelta
from typing import Any

import pytest

from app.definitions.moment import Moment, parse_moment
from app.definitions.schedule import parse_schedule, problem_of_cron
from app.errors import Invalid
from tests.unit.catalogue import parsed, stock_analysis

CRON = {"name": "s", "job": "j", "cron": "0 9 * * 1-5"}
AT = {"name": "s", "job": "j", "at": "close+30m", "calendar": "XSHG"}


def faults(document: dict[str, Any], *arguments: Any, **options: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parse_schedule(document, *arguments, **options)
    return {fault.pointer: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize(
    "document",
    [
        CRON,
        {**CRON, "calendar": "XSHG", "trade_date": "previous", "catch_up": "all", "params": {"a": 1}, "description": "d"},
        {**CRON, "timezone": "UTC", "on_unknown": "weekdays_with_alarm", "paused": True},
        AT,
        {**AT, "at": "15:30", "day": "T+1"},
        {**AT, "day": {"nth": -1, "of": "month"}},
        {"name": "s", "job": "j", "at": "06:00"},
    ],
)
def test_a_good_schedule_is_its_own_canonical_form(document: dict[str, Any]) -> None:
    made = parse_schedule(
        {**document, "timezone": document.get("timezone", "Asia/Shanghai"), "catch_up": document.get("catch_up", "latest")}
    )
    assert made.document == document
    assert (made.name, made.job) == ("s", "j")


@pytest.mark.parametrize(
    ("document", "pointer", "message"),
    [
        ({"name": "s", "job": "j"}, "", "must have either 'cron' or 'at'"),
        ({**CRON, "at": "15:30"}, "", "must have either 'cron' or 'at'"),
        (
            {**CRON, "name": "s.1"},
            "/name",
            "must be lower case letters, digits and _, beginning with a letter, at most 63 characters, not 's.1'",
        ),
        ({**CRON, "crn": ""}, "/crn", "is an unknown field; did you mean 'cron'?"),
        (
            {**CRON, "cron": "0 9 * *"},
            "/cron",
            "must have five fields (minute, hour, day of month, month, day of week), not '0 9 * *'",
        ),
        (
            {**CRON, "cron": "0 0 9 * * 1"},
            "/cron",
            "must have five fields (minute, hour, day of month, month, day of week), not '0 0 9 * * 1'",
        ),
        (
            {**CRON, "cron": "60 9 * * *"},
            "/cron",
            "is no cron expression: its minute '60' is not valid: 0-59, as in 5, 1-5, 1,5 or */5",
        ),
        (
            {**CRON, "cron": "0 9 * * 1-8"},
            "/cron",
            "is no cron expression: its day of week '1-8' is not valid: 0-7 or SUN-SAT, 0 and 7 are Sunday, as in 1, 1-5 or 1,3",
        ),
        ({**CRON, "cron": "0 9 30 2 *"}, "/cron", "would never fire: February has no 30th"),
        ({**CRON, "cron": "0 9 31 feb,4 *"}, "/cron", "would never fire: February and April have no 31st"),
        (
            {**CRON, "cron": "0 9 32 2 *"},
            "/cron",
            "is no cron expression: its day of month '32' is not valid: 1-31, as in 1, 1-5, 1,15 or */2; L is the last one",
        ),
        ({**CRON, "cron": 9}, "/cron", "must be a string, not 9"),
        ({**CRON, "timezone": "Asia/Shanhai"}, "/timezone", "is no time zone, as Asia/Shanghai is one: 'Asia/Shanhai'"),
        ({**CRON, "timezone": "../../etc/passwd"}, "/timezone", "is no time zone, as Asia/Shanghai is one: '../../etc/passwd'"),
        ({**CRON, "timezone": "Asia"}, "/timezone", "is no time zone, as Asia/Shanghai is one: 'Asia'"),
        ({**CRON, "timezone": ""}, "/timezone", "is no time zone, as Asia/Shanghai is one: ''"),
        ({**CRON, "calendar": "SSE"}, "/calendar", "there is no calendar 'SSE'; there is BJSE, XSHE, XSHG"),
        ({**CRON, "day": "T"}, "/day", "goes with 'at'; a cron expression says its days itself"),
        ({**CRON, "trade_date": "next"}, "/trade_date", "must be 'same', 'previous' or 'latest_published', not 'next'"),
        ({**CRON, "catch_up": "none"}, "/catch_up", "must be 'latest', 'all' or 'skip', not 'none'"),
        ({**CRON, "params": 5}, "/params", "must be an object, not 5"),
        ({**AT, "day": "T+2"}, "/day", 'must be "T", "T+1" or {"nth": -1, "of": "month"}, not \'T+2\''),
        ({**AT, "day": {"nth": 0, "of": "week"}}, "/day/nth", "must be 1 to 7, or -1 to -7 counted from the end"),
        ({**AT, "day": {"nth": 24, "of": "month"}}, "/day/nth", "must be 1 to 23, or -1 to -23 counted from the end"),
        ({**AT, "day": {"nth": 1, "of": "year"}}, "/day/of", "must be 'month' or 'week', not 'year'"),
        ({**AT, "day": {"nth": 1}}, "/day/of", "is missing"),
        (
            {"name": "s", "job": "j", "at": "close+30m"},
            "/calendar",
            "is missing: an 'at' with an anchor and a 'day' are counted from its sessions",
        ),
        (
            {"name": "s", "job": "j", "at": "15:30", "day": "T"},
            "/calendar",
            "is missing: an 'at' with an anchor and a 'day' are counted from its sessions",
        ),
    ],
)
def test_a_fault_is_named_with_its_place_and_nothing_else_is(document: dict[str, Any], pointer: str, message: str) -> None:
    # The calendar that CRON lacks is no fault beside the one that is meant.
    assert {where: what for where, what in faults(document).items() if where == pointer or "sessions" not in what} == {
        pointer: message
    }


def test_its_job_must_be_known_and_its_params_must_suit_when_they_can_be_looked_up() -> None:
    assert faults({**CRON, "job": "stock_job"}, ["stocks_job"]) == {
        "/job": "there is no job 'stock_job'; did you mean 'stocks_job'?"
    }
    pipeline = parsed(stock_analysis()).document
    assert faults({**CRON, "params": {"report_days": 0, "x": 1}}, ["j"], pipeline_of={"j": pipeline}.__getitem__) == {
        "/params/report_days": "must be at least 1, not 0",
        "/params/x": "is no param of this pipeline",
    }


def test_what_there_is_is_named_where_nothing_is_near_and_an_example_is_given() -> None:
    with pytest.raises(Invalid) as caught:
        parse_schedule({**CRON, "job": "zzz"}, [f"job_{n}" for n in range(7)])
    assert caught.value.faults[0].message == "there is no job 'zzz'; there is job_0, job_1, job_2, job_3, job_4 and 2 more"
    (example,) = re.findall(r"{.*}", caught.value.hint or "")
    parse_schedule(json.loads(example))


@pytest.mark.parametrize(
    "text", ["0 9 * * 1-5", "*/5 9-15 * * MON-FRI", "0 0 L * *", "0 0 LW * *", "0 0 * * 5L", "0 9 * * 1#2", "0 0 29 2 *"]
)
def test_cron_as_cronsim_reads_it(text: str) -> None:
    assert problem_of_cron(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@daily",
        "a b c d e",
        "*/0 * * * *",
        "5-1 * * * *",
        "0 0 LW/2,L/3 L *",
        "0 0 * * 0#6",
        "0 0 ² * *",
        "9" * 5000 + " 0 * * *",
    ],
)
def test_cron_that_is_none(text: str) -> None:
    assert problem_of_cron(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("00:00", Moment(at=time(0, 0))),
        ("23:59", Moment(at=time(23, 59))),
        ("close", Moment(anchor="close")),
        ("close+30m", Moment(anchor="close", offset=timedelta(minutes=30))),
        ("auction-5m", Moment(anchor="auction", offset=timedelta(minutes=-5))),
        ("after_hours_close+2h", Moment(anchor="after_hours_close", offset=timedelta(hours=2))),
        ("open+24h", Moment(anchor="open", offset=timedelta(hours=24))),
    ],
)
def test_moments(text: str, moment: Moment) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "24:00",
        "9:30",
        "09:60",
        "09:30:00",
        "09:30\n",
        "close + 30m",
        "close+m",
        "close+30",
        "close+30s",
        "close+1.5h",
        "close+25h",
        "noon",
        "",
        "close+٣m",
    ],
)
def test_moments_that_are_none(text: str) -> None:
    assert parse_moment(text) is None
    assert list(faults({**AT, "at": text})) == ["/at"]
