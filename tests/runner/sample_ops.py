"""Ops that behave as ops do, and as they should not."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import structlog

from app.definitions import Cancelled, OpContext, RetryPolicy, op, query


@op
def one() -> int:
    return 1


@op
def plus_one(number: int = 0) -> int:
    return number + 1


@op
def add(left: int, right: int) -> int:
    return left + right


@op
def maybe(*, leave_out: bool = True) -> int | None:
    return None if leave_out else 1


class Parts(NamedTuple):
    big: int
    small: int | None


@op
def parts() -> Parts:
    return Parts(10, None)


@op
def nothing() -> None:
    return None


@op
def scaled(number: int, *, factor: float, day: date = date(2026, 1, 5)) -> str:
    return f"{number * factor} {day:%d.%m.%Y}"


# Ends of all kinds


@op
def exits(*, code: int = 7) -> int:
    sys.stdout.write("last words\n")
    os._exit(code)


@op
def crashes() -> int:
    return len(ctypes.string_at(0))


@op
def killed() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 1


@op
def stubborn(context: OpContext, *, mark: str) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(mark).touch()
    threading.Event().wait()
    return 1


@op
def waits(*, mark: str) -> int:
    Path(mark).touch()
    threading.Event().wait()
    return 1


@op
def spins_in_c(*, mark: str) -> int:
    """Holds the interpreter's lock for as long as anyone would wait."""
    Path(mark).touch()
    ctypes.PyDLL(None).sleep(600)
    return 1


@op
def leaves_a_grandchild(*, mark: str, code: int | None = None, new_group: bool = False) -> int:
    """Its grandchild holds everything that the run process holds, its stream too."""
    pid = os.fork()
    if pid == 0:
        if new_group:
            os.setsid()
        os.execv(sys.executable, [sys.executable, "-c", "import threading; threading.Event().wait()"])
    Path(mark).write_text(str(pid))
    if code is not None:
        os._exit(code)
    return 1


@op
def starts_a_program() -> str:
    return subprocess.run([sys.executable, "-c", "print('from the program')"], check=True).args[-1][:5]


# Failures


class Odd(Exception):
    reason = "quality_gate"
    hint = "look at the rows"


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@op
def fails(*, how: str = "value") -> int:
    raise {
        "value": ValueError("a plain failure"),
        "odd": Odd("3 rows of 5"),
        "unprintable": Unprintable(),
        "surrogate": ValueError("\ud800 and \0"),
        "enormous": ValueError("x" * 10_000_000),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
        "memory": MemoryError(),
        "disk": OSError(28, "No space left on device"),
        "local": type("Local", (Exception,), {"__reduce__": None})(lambda: None),
    }[how]


@op(retry=RetryPolicy(max_retries=2, delay=0))
def fails_twice(context: OpContext) -> int:
    if context.attempt < 3:
        raise ConnectionError(f"attempt {context.attempt}")
    return context.attempt


@op
def fails_once(context: OpContext) -> int:
    if context.attempt == 1:
        raise ConnectionError("once")
    return context.attempt


# Values


@dataclass
class Point:
    x: float
    at: date


@op
def returns(*, what: str) -> Any:
    return {
        "nan": float("nan"),
        "inside": {"deep": [1.0, float("inf")]},
        "nul": "a\0b",
        "surrogate": "\ud800",
        "huge": "x" * 70_000,
        "object": object(),
        "lambda": lambda: None,
        "numpy": {"count": np.int64(3), "mean": np.float32(0.5), "list": np.array([1, 2]), "flag": np.bool_(True)},
        "plain": {
            "price": Decimal("1.10"),
            "day": date(2026, 1, 5),
            "at": pd.Timestamp("2026-01-05"),
            "point": Point(1, date(2026, 1, 5)),
        },
        "series": pd.Series([1]),
    }[what]


@op
def days() -> list[date]:
    return [date(2026, 1, 5), date(2026, 1, 6)]


@op
def last_day(of: list[date]) -> str:
    of.sort()
    return of[-1].strftime("%A")


@op
def empties(values: Any) -> int:
    count = len(values)
    values.clear()
    return count


# Frames


@op
def frame(*, rows: int = 3) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"{n:06}" for n in range(rows)], "value": np.arange(rows, dtype=float)})


@op
def mixed_frame() -> pd.DataFrame:
    return pd.DataFrame({"odd": [1, "one", object()]})


@op
def lies() -> pd.DataFrame:
    return 3


@op
def forgets() -> pd.DataFrame:
    return None


@op
def total(data: pd.DataFrame) -> float:
    return float(data["value"].sum())


@op
def spoils(data: pd.DataFrame) -> float:
    data["value"] = -1.0
    return float(data["value"].sum())


@op
def arrow_rows(data: pa.Table) -> int:
    return data.num_rows if isinstance(data, pa.Table) else -1


@op
def batch_rows(data: pa.RecordBatch) -> int:
    return data.num_rows if isinstance(data, pa.RecordBatch) else -1


@op
def passes_on(context: OpContext, data: Any) -> Any:
    return data


@op
def takes_memory(*, megabytes: int) -> int:
    return len(bytearray(megabytes * 2**20)) // 2**20


@op
def leaks(*, megabytes: int) -> int:
    _leaked.append(bytearray(b"x" * megabytes * 2**20))
    return len(_leaked)


_leaked: list[bytearray] = []


# The run


@op
def meets(context: OpContext, *, count: int) -> int:
    """Comes back once `count` steps are in it at the same time."""
    return _barriers.setdefault(count, threading.Barrier(count)).wait(20)


_barriers: dict[int, threading.Barrier] = {}
_two = threading.Barrier(2)


@op
def meets_nobody() -> None:
    """Fails when another of its kind runs at the same time."""
    try:
        _two.wait(0.3)
    except threading.BrokenBarrierError:
        _two.reset()
        return
    raise AssertionError("another was there")


@op
def tells(context: OpContext) -> str:
    facts = (context.run_id, context.job, context.node, context.trade_date, context.params, context.tags)
    (context.scratch / "mine").write_text("x")
    return repr((*facts, context.sessions("XSHG")[-1], context.data_dir == context.settings.data_dir))


@op
def logs(context: OpContext) -> None:
    context.log.info("by context", rows=3, odd=float("nan"), what=object(), nul="\0")
    logging.getLogger("mine").warning("by %s", "logging")
    structlog.get_logger().error("by structlog", where="here")
    warnings.warn("by warnings", stacklevel=1)
    print("by print")  # noqa: T201 - what is printed is heard
    os.write(2, b"by bytes \xff\n")
    helper = threading.Thread(target=context.log.info, args=("by a thread of its own",))
    helper.start()
    helper.join()


@op
def floods(context: OpContext, *, lines: int, mark: str | None = None) -> None:
    for number in range(lines):
        context.log.info("flood", number=number, padding="x" * 1000)
    if mark:
        Path(mark).touch()


@op
def passes_on_and_exits(data: Any) -> Any:
    os._exit(4)


@op
def measures(context: OpContext) -> list[int]:
    context.metric("hit_rate", np.float64(0.5))
    context.metric("ratio", float("nan"))
    context.metric("data_quality_score", 0.9)
    return [1, 2, 3]


@op
def until_cancelled(context: OpContext, *, mark: str) -> str:
    Path(mark).touch()
    while not context.cancelled:
        threading.Event().wait(0.01)
    raise InterruptedError("cut short")


@op(keep=True)
def returns_when_cancelled(context: OpContext, *, mark: str, how: str = "looks") -> pd.DataFrame:
    """Made half of what it should when it is asked to stop."""
    half = pd.DataFrame({"n": [1]})
    Path(mark).touch()
    if how == "never looks":
        while not Path(f"{mark}.end").exists():
            threading.Event().wait(0.01)
    elif how == "on a thread":
        looking = threading.Thread(target=lambda: _until(lambda: context.cancelled))
        looking.start()
        looking.join()
    elif how == "raises":
        _until(lambda: context.raise_if_cancelled())
    else:
        _until(lambda: context.cancelled)
    return half


def _until(told: Callable[[], Any]) -> None:
    while not told():
        threading.Event().wait(0.01)


@op
def cancels_itself() -> None:
    raise Cancelled("nobody asked")


@op
def draws() -> float:
    return float(np.random.rand())


@query
def doubled(context: Any, *, number: int) -> dict[str, int]:
    return {"twice": number * 2}


@query
def table(*, rows: int = 2) -> pd.DataFrame:
    return pd.DataFrame({"n": range(rows)})


@query
def sessions_of(context: Any, *, calendar: str) -> list[str]:
    return [day.isoformat() for day in context.sessions(calendar)]


@query
def never() -> int:
    threading.Event().wait()
    return 1


@query
def dies() -> int:
    os._exit(9)


@query
def breaks() -> int:
    raise LookupError("no such thing")


@op
def closes_everything() -> int:
    os.closerange(3, 1024)
    return 1


@op
def looks_around() -> dict[str, Any]:
    threads = len(list(Path("/proc/self/task").iterdir()))
    return {
        "modules": sorted(name for name in sys.modules if name.count(".") < 2),
        "threads": threads,
        "pid": os.getpid(),
        "group": os.getpgid(0),
    }


@op
def leaves_a_thread() -> int:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    return 1


@op
def leaves_a_daemon(*, mark: str) -> int:
    """Its daemon is in no group of ours, and no child of anyone who lives."""
    if os.fork() == 0:
        os.setsid()
        if (pid := os.fork()) == 0:
            os.execv(sys.executable, [sys.executable, "-c", "import threading; threading.Event().wait()"])
        Path(mark).write_text(str(pid))
        os._exit(0)
    os.wait()
    return 1


@query
def process_id() -> int:
    return os.getpid()
