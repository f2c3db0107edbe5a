"""The one set of commands that every face calls: register, run, cancel, retry, status, data."""

from app.manager.manager import PipelineManager
from app.manager.queries import Queries
from app.store.acceptance import RunRequest
from app.store.changes import EVERYTHING, TRANSITIONS, ended_topic, log_topic
from app.store.definitions import Definition, Kind
from app.store.keys import Key, Role
from app.store.runs import Filter
from app.store.status import Reason, RunStatus, StepStatus
from app.store.views import definition_view

__all__ = [
    "EVERYTHING",
    "TRANSITIONS",
    "Definition",
    "Filter",
    "Key",
    "Kind",
    "PipelineManager",
    "Queries",
    "Reason",
    "Role",
    "RunRequest",
    "RunStatus",
    "StepStatus",
    "definition_view",
    "ended_topic",
    "log_topic",
]
