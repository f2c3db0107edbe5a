"""Triggers: kept here; they fire from a later release on."""

from app.api.asking import body_of
from app.api.routes.definitions import Noun, add_list, add_pausing, router
from app.api.schemas.definitions import Trigger
from app.api.schemas.shown import Items
from app.definitions.trigger import TriggerDocument

_EXAMPLE = {
    "name": "report_when_scored",
    "job": "liquid_stocks_job",
    "when": {"jobs": ["scoring_save_job"], "status": "succeeded"},
}
_NOUN = Noun("trigger", Trigger, Items[Trigger], body_of(TriggerDocument, _EXAMPLE))
triggers = router(_NOUN)
add_list(triggers, _NOUN)
add_pausing(triggers, _NOUN)
