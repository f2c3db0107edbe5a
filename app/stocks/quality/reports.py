"""A step's report of the quality that it found: a file in the data dir, since a step that fails publishes nothing else."""

import json
import uuid
from typing import Any

from app.definitions import OpContext

FOLDER = "quality"


def keep(context: OpContext, *, refusals: list[str], **found: Any) -> None:
    """Write the report of this step to `quality/<yyyy-mm>/<run>.<node>.json`, in place of one that an earlier attempt wrote.

    Trouble with the file is logged: what it tells of must not fail by it.
    """
    said = {
        "run_id": context.run_id,
        "job": context.job,
        "node": context.node,
        "trade_date": context.trade_date.isoformat() if context.trade_date else None,
        "at": context.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        "dataset": "daily_bars",
        "verdict": "refused" if refusals else "passed",
        "refusals": refusals,
        **found,
    }
    folder = context.data_dir / FOLDER / context.now().strftime("%Y-%m")
    aside = folder / f".{uuid.uuid4().hex}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(said, ensure_ascii=False, indent=1), encoding="utf-8")
        aside.replace(folder / f"{context.run_id}.{context.node}.json")
    except OSError as error:
        context.log.warning("the report of the quality could not be written", file=str(folder), error=str(error))
