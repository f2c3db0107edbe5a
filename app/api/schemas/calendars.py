"""Calendars: what is known of them, and what people know better."""

from typing import Any, Literal

from pydantic import Field

from app.api.schemas.shown import Day, DayIn, Instant, Shown


class Disagreement(Shown):
    """A day of which two sources say something else; the calendar follows the first."""

    date: Day
    said: dict[str, bool] = Field(description="What each source says: whether it is a session.")


class Calendar(Shown):
    """An exchange's calendar. Past the horizon nothing is known."""

    id: str
    version: int = Field(description="Another after every change of a day, an hour or the horizon.")
    source: str = Field(description="Who says its days, first one first; `custom` for one of your own.")
    made_by: str | None = Field(description="Who made it, if no source did.")
    timezone: str
    first_date: Day | None
    horizon_date: Day = Field(description="The last day of which anything is known, lists of people included.")
    source_horizon_date: Day = Field(description="The last day for which the source can tell.")
    session_count: int
    sessions_left: int = Field(description="Known sessions after today.")
    alarm: str | None = Field(description="From 30 sessions before the horizon on: what is to be done.")
    disagreements: list[Disagreement] = Field(description="Newest first, 100 at most.")


class CalendarQuery(Shown):
    """Which sessions, both ends included."""

    from_: DayIn | None = Field(None, alias="from", description="Default: 1 January of this year.")
    to: DayIn | None = Field(None, description="Default: the horizon.")


class OverridesQuery(Shown):
    """What a list in CSV cannot say itself."""

    known_until: DayIn | None = Field(None, description="The horizon from now on, as in the JSON document.")
    otherwise: Literal["closed", "weekdays"] | None = Field(None, description="As in the JSON document.")


class HoursOut(Shown):
    """The phases of every session from that date on. Entries with one date are the several sessions of each day."""

    since: Day
    phases: list[list[Any]] = Field(examples=[[["auction", "09:15", "09:25"], ["continuous", "09:30", "11:30"]]])


class SpecialOut(Shown):
    """A date whose hours are not the usual ones: the phases of each of its sessions."""

    date: Day
    phases: list[list[list[Any]]]


class Sessions(Calendar):
    """A calendar with its hours and its known sessions of a range."""

    hours: list[HoursOut]
    sessions: list[Day]
    special: list[SpecialOut] = Field(description="Those of them with hours of their own.")


class OverrideOut(Shown):
    """What people said of a day."""

    date: Day
    session: bool
    phases: list[list[list[Any]]] | None
    reason: str
    made_at: Instant
    made_by: str
    source_says: bool | None = Field(description="Whether the source calls it a session; null where the source cannot tell yet.")
