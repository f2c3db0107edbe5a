"""Schedules: kept here; they fire from a later release on."""

from app.api.asking import body_of
from app.api.routes.definitions import Noun, add_list, add_pausing, router
from app.api.schemas.definitions import Schedule
from app.api.schemas.shown import Items
from app.definitions.schedule import ScheduleDocument

_EXAMPLE = {
    "name": "liquid_stocks_schedule",
    "job": "liquid_stocks_job",
    "at": "close+30m",
    "calendar": "XSHG",
    "trade_date": "same",
}
_NOUN = Noun("schedule", Schedule, Items[Schedule], body_of(ScheduleDocument, _EXAMPLE))
schedules = router(_NOUN)
add_list(schedules, _NOUN)
add_pausing(schedules, _NOUN)
