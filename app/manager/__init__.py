"""The one set of commands that every face calls: register, run, cancel, retry, status, data."""

from app.manager.manager import PipelineManager
from app.manager.queries import Queries

__all__ = ["PipelineManager", "Queries"]
