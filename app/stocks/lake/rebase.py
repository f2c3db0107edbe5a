"""Carrying one staged file over to a newer base: what the run changed in it is done again there."""

from pathlib import Path

from app.definitions.lake import FileFacts, StagedFile
from app.stocks.lake.cursor import Cursor
from app.stocks.lake.merge import difference, remove, upsert
from app.stocks.lake.parquet import Sink
from app.stocks.schema import Spec


def carry(folder: Path, spec: Spec, file: StagedFile, onto: FileFacts | None) -> FileFacts | None:
    """The file that `onto` becomes when the staged file's changes to its own base are applied; None: there is none to make."""
    if onto is not None and onto["path"] == file["path"]:
        return None
    staged = Cursor(folder / file["path"], spec).take()
    old = Cursor(folder / file["base"], spec).take() if file["base"] else None
    change = difference(spec, old, staged)
    base = Cursor(folder / onto["path"], spec).take() if onto else None
    kept = remove(spec, base, change.gone) if base is not None else None
    merged = upsert(spec, kept, change.changed)
    sink = Sink(folder, spec, file["partition"])
    try:
        sink.append(merged)
        return sink.finish()
    except BaseException:
        sink.discard()
        raise
