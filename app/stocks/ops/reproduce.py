"""The op of reproduce_job. Its runs are those of `openbell reproduce`, and execute the pipeline of another run."""

from app.definitions import OpContext, op
from app.errors import Invalid


@op
def name_a_run(context: OpContext) -> None:
    """Raises Invalid: what to reproduce is said by naming a run."""
    raise Invalid("this job runs nothing of its own", hint="name the run to reproduce: openbell reproduce RUN")
