"""What CAN run: ops, pipelines, jobs, schedules, triggers, calendars. Pure Python: no I/O, no SQL.

The public face for authors of ops; everything else in this package is imported by its module.
"""

from app.definitions.context import OpContext
from app.definitions.dataset import Dataset
from app.definitions.op import op, query
from app.definitions.retry import RetryPolicy

__all__ = ["Dataset", "OpContext", "RetryPolicy", "op", "query"]
