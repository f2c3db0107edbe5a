"""A lake that keeps each staged frame as one file, and its ops: enough to see what a run asks of a lake."""

import hashlib
import shutil
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import pyarrow as pa

from app.definitions import Dataset, OpContext, RetryPolicy, op, registry
from app.definitions.lake import LakeHost, Publication, SnapshotState, StagedFile, staging


class SampleLake:
    def __init__(self, host: LakeHost) -> None:
        self.folder = host.folder
        self.state = host.snapshot()
        self.files: list[StagedFile] = []

    def stage(self, dataset: str, frame: Any) -> Dataset:
        table = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame)
        name = f"{dataset}-{self.state['snapshot']}-{hashlib.sha256(repr(table.to_pydict()).encode()).hexdigest()[:8]}.arrow"
        self.folder.mkdir(parents=True, exist_ok=True)
        with pa.ipc.new_file(str(self.folder / name), table.schema) as writer:
            writer.write_table(table)
        self._add({"dataset": dataset, "path": name, "rows": len(table), "base": None})
        return Dataset(dataset, len(table), 0.75)

    def _add(self, file: Any) -> None:
        self.files = [*(one for one in self.files if one["dataset"] != file["dataset"]), file]
        if (noted := staging.get()) is not None:
            noted.append(file)

    def load(self, reference: Dataset, form: Literal["pandas", "arrow"]) -> Any:
        path = next(file["path"] for file in self.files if file["dataset"] == reference.name)
        table = pa.ipc.open_file(str(self.folder / path)).read_all()
        return table.to_pandas() if form == "pandas" else table

    def staged(self) -> list[StagedFile]:
        return list(self.files)

    def drop(self, files: Sequence[StagedFile]) -> None:
        self.files = [file for file in self.files if file not in files]

    def restore(self, staged: Sequence[StagedFile]) -> None:
        self.files = list(staged)

    def publication(self) -> Publication:
        return {"files": list(self.files), "datasets": {file["dataset"]: {} for file in self.files}}

    def published(self, state: SnapshotState, *, own: bool = False) -> None:
        self.state, self.files = state, []
        shown = Path(self.folder.parent / "shown")
        if state["published_at"] == "never":
            raise OSError("no room for a view")
        shown.write_text(str(state["snapshot"]))

    def rebase(self, state: SnapshotState, keep: Collection[str] = ()) -> list[StagedFile]:
        self.state = state
        for file in self.files:
            path = file["path"].removesuffix(".arrow") + f".on-{state['snapshot']}.arrow"
            shutil.copy(self.folder / file["path"], self.folder / path)
            self._add({**file, "path": path})
        return []


registry.provide_lake(SampleLake)


@op
def stage_bars(context: OpContext, *, rows: int = 2, dataset: str = "bars") -> Dataset:
    return context.lake.stage(dataset, pd.DataFrame({"value": [float(n) for n in range(rows)]}))


@op
def stage_then_fail(context: OpContext) -> Dataset:
    context.lake.stage("half", pd.DataFrame({"value": [1.0]}))
    raise ValueError("after staging")


@op(publishes=True, retry=RetryPolicy(max_retries=1))
def publish_scores(context: OpContext, data: pd.DataFrame) -> Dataset:
    base = context.lake.state["snapshot"]
    return context.lake.stage("scores", pd.DataFrame({"value": [data["value"].sum() + base]}))


@op(publishes="publish")
def publish_if_told(context: OpContext, *, publish: bool) -> Dataset:
    return context.lake.stage("told", pd.DataFrame({"value": [1.0]}))


@op
def publish_in_the_middle(context: OpContext) -> list[int | None]:
    snapshots = []
    for part in range(2):
        context.lake.stage(f"part_{part}", pd.DataFrame({"value": [float(part)]}))
        snapshots.append(context.publish())
    return snapshots


@op(publishes=True)
def publish_half(context: OpContext, *, how: str) -> Dataset:
    half = context.lake.stage("half", pd.DataFrame({"value": [1.0]}))
    while not context.cancelled:
        threading.Event().wait(0.01)
    if how == "in the middle":
        context.publish()
    return half


@op
def rows_of(data: Dataset) -> int:
    return data.rows or 0


@op
def named(data: Annotated[Dataset, "prices"]) -> str:
    return data.name


@op
def perhaps_named(data: Annotated[Dataset, "quotes"] | None = None) -> str | None:
    return data.name if data else None


@op
def sum_of(data: pa.Table) -> float:
    return float(sum(data["value"].to_pylist()))
