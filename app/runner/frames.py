"""Frames between steps: in memory until the last consumer is done, in scratch where a resumed run may need them."""

import threading
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Literal

from app.definitions.kinds import kind_of
from app.definitions.messages import Output

Form = Literal["pandas", "arrow", "batch"]

KEEP_BYTES = 64 * 2**20
"""Up to this size a frame is kept in scratch unasked."""


class Frames:
    """The frames of one run. Steps on several threads use it."""

    def __init__(self, data_dir: Path, run_id: str) -> None:
        self._data_dir = data_dir
        self._folder = Path("scratch") / run_id / "frames"
        self._held: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def put(self, node: str, output: str, frame: Any, *, wanted: bool, keep: bool) -> Output:
        """Take a frame. `wanted`: steps to come read it; `keep`: its op asks for a file whatever its size."""
        if wanted:
            with self._lock:
                self._held[node, output] = frame
        kept = None
        if keep or (wanted and _size(frame) < KEEP_BYTES):
            # Unasked it is a convenience: a full disk must not fail a step whose frame is safe in memory.
            with nullcontext() if keep else suppress(OSError):
                kept = self._write(f"{node}.{output}.arrow", frame)
        return {"kind": "frame", "rows": len(frame), "kept": kept}

    def get(self, node: str, output: str, facts: Output) -> Any:
        """The frame; each call gives one that the others do not see changes of."""
        with self._lock:
            frame = self._held.get((node, output))
        if frame is None:
            frame = _read(self._data_dir / str(facts.get("kept")))
            with self._lock:
                self._held[node, output] = frame
        # pandas copies on write: two branches that change "their" frame do not meet, and nothing is copied until then.
        return frame.copy(deep=False) if _is_pandas(frame) else frame

    def has(self, node: str, output: str, facts: Output) -> bool:
        """Whether the frame can still be had."""
        with self._lock:
            held = (node, output) in self._held
        return held or readable(facts, self._data_dir)

    def release(self, node: str) -> None:
        """Let go of what nobody will read any more."""
        with self._lock:
            for key in [key for key in self._held if key[0] == node]:
                del self._held[key]

    def _write(self, name: str, frame: Any) -> str | None:
        import pyarrow as pa

        path = self._data_dir / self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            table = as_form(frame, "arrow")
        except (pa.ArrowException, TypeError, ValueError, NotImplementedError):
            # A column of arbitrary objects has no Arrow type: the frame lives in memory alone.
            return None
        part = path.with_suffix(".part")
        try:
            with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
        return str(self._folder / name)


def readable(output: Output, data_dir: Path) -> bool:
    """Whether the scratch file of a frame is there and whole."""
    kept = output.get("kept")
    if not kept:
        return False
    import pyarrow as pa

    try:
        with pa.memory_map(str(data_dir / kept)) as source:
            pa.ipc.open_file(source)
    except (OSError, pa.ArrowException):
        return False
    return True


def is_frame(value: Any) -> bool:
    """Whether the object is a pandas or Arrow frame, without importing either."""
    return any(kind_of(cls) == "frame" for cls in type(value).__mro__)


def as_form(frame: Any, form: Form) -> Any:
    """The frame as a pandas DataFrame, an Arrow table or one Arrow record batch."""
    if form == "pandas":
        return frame if _is_pandas(frame) else frame.to_pandas()
    import pyarrow as pa

    table = frame
    if _is_pandas(frame):
        table = pa.Table.from_pandas(frame)
    elif isinstance(frame, pa.RecordBatch):
        table = pa.Table.from_batches([frame])
    if form == "arrow":
        return table
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def _read(path: Path) -> Any:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    return table.to_pandas() if table.schema.pandas_metadata else table


def _size(frame: Any) -> int:
    return int(frame.memory_usage(deep=False).sum()) if _is_pandas(frame) else int(frame.nbytes)


def _is_pandas(frame: Any) -> bool:
    return hasattr(frame, "iloc")
