"""Triggers: fire a job because runs ended, an event arrived, a file or a vendor's data is there."""

from app.api.asking import body_of
from app.api.routes.definitions import Noun, add_list, add_pausing, router
from app.api.routes.firings import add_firings
from app.api.schemas.definitions import Trigger
from app.api.schemas.shown import Items
from app.definitions.trigger import TriggerDocument
from app.manager import PipelineManager

_EXAMPLE = {
    "name": "report_when_scored",
    "job": "liquid_stocks_job",
    "when": {"jobs": ["scoring_save_job"], "status": "succeeded"},
}
_NOUN = Noun("trigger", Trigger, Items[Trigger], body_of(TriggerDocument, _EXAMPLE), PipelineManager.trigger_view)
triggers = router(_NOUN)
add_list(triggers, _NOUN)
add_pausing(triggers, _NOUN)
add_firings(triggers, "trigger")
