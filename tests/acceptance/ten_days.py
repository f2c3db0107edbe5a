"""Ten trading days of the shipped rhythm, in a few minutes: `python -m tests.acceptance.ten_days`. Prints the ledger of firings.

A real service on bars from files, by a clock that is moved from one moment to the next: a holiday, a vendor that is late, one
that does not deliver, a sync that fails and is repaired by hand, a day without the service.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app.store.database import Database
from app.store.tables import definitions
from tests.service import RunningService
from tests.stocks.bar_files import write

SHANGHAI = ZoneInfo("Asia/Shanghai")
NAMES = [f"{600000 + number}.XSHG" for number in range(12)]
FIRST, LAST = date(2026, 5, 6), date(2026, 10, 15)
BEGIN = date(2026, 9, 24)
PATIENCE, QUIET = 120, 20


class House:
    """The service, its clock, and the folder into which the vendor delivers."""

    def __init__(self, folder: Path) -> None:
        self._clock = folder / "clock"
        self._inbox = folder / "bars"
        self._inbox.mkdir()
        self.set(BEGIN, "07:00")
        given = {"source": "files", "files_path": self._inbox, "clock_file": self._clock, "first_run": "true", "rhythm": "live"}
        self.service = RunningService(folder, **given)
        self._sessions = _weekdays()
        self._bars = _bars(self._sessions)

    def set(self, day: date, at: str) -> None:
        """Move the clock to that time of Shanghai."""
        self.now = datetime.combine(day, clock_time.fromisoformat(at), SHANGHAI)
        aside = self._clock.with_suffix(".new")
        aside.write_text(str((self.now - datetime.now(UTC)).total_seconds()))
        aside.replace(self._clock)

    def deliver(self, first: date, last: date, *, broken: bool = False) -> None:
        """The vendor's file of those days; a broken one has text where a number belongs."""
        rows = [row for row in self._bars if first.isoformat() <= row["trade_date"] <= last.isoformat()]
        if broken:
            rows[3] = {**rows[3], "close": "ten"}
        write(self._inbox / f"{last}.csv", rows)

    def until(self, day: date, *times: str) -> None:
        """Let the time come, and everything that follows from it be done."""
        for at in times:
            self.set(day, at)
            self._settle()

    def _settle(self) -> None:
        database = Database(f"sqlite:///{self.service.data_dir / 'openbell.db'}")
        until, quiet = time.monotonic() + PATIENCE, 0
        try:
            while time.monotonic() < until:
                with database.read() as connection:
                    waiting = connection.execute(select(func.min(definitions.c.next_at))).scalar()
                queue = self.service.http.get("/api/v1/queue").json()
                # More than once: a look at the vendor is under way for a second, and a minute's turn stands in its row.
                quiet = quiet + 1 if waiting > self.now and not queue["queued"] + queue["running"] else 0
                if quiet == QUIET:
                    return
                time.sleep(0.1)
        finally:
            database.close()
        raise TimeoutError(f"not everything of {self.now} was done")

    def day(self, day: date, ready: str = "18:00") -> None:
        """A trading day, with a delivery at that time."""
        self.until(day, "09:00", "15:00", "15:30")
        self.deliver(day, day)
        # By files alone nobody announces a day: a second look must see as much.
        later = datetime.combine(day, clock_time.fromisoformat(ready), SHANGHAI) + timedelta(minutes=12)
        self.until(day, ready, f"{later:%H:%M}", "22:00")

    def closed(self, first: date, last: date) -> None:
        """Days on which nothing is delivered."""
        for number in range((last - first).days + 1):
            self.until(first + timedelta(days=number), "09:00", "10:00", "15:00", "22:00")

    def retried(self) -> None:
        """A person retries the last sync that failed."""
        asked = {"job": "daily_sync_job", "status": "failed", "limit": "1"}
        (run,) = self.service.http.get("/api/v1/runs", params=asked).json()["items"]
        self.service.http.post(f"/api/v1/runs/{run['id']}/retry", json={"note": "the file is mended"}).raise_for_status()
        self._settle()

    def ledger(self) -> Iterator[str]:
        """Every firing, in the order in which it was due."""
        rows: list[dict[str, Any]] = []
        cursor = None
        while True:
            asked = {"limit": "500", **({"cursor": cursor} if cursor else {})}
            page = self.service.http.get("/api/v1/firings", params=asked).json()
            rows += page["items"]
            if (cursor := page["next_cursor"]) is None:
                break
        for row in sorted(rows, key=lambda row: (row["due_at"], row["seq"])):
            due = datetime.fromisoformat(row["due_at"]).astimezone(SHANGHAI)
            about = (row["trade_date"] or "-")[5:] or "-"
            yield f"{due:%m-%d %a %H:%M}  {row['name']:<42} {row['outcome']:<8} {about:<6} {row['reason'] or ''}".rstrip()


def _weekdays() -> list[date]:
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    closed = {date(2026, 6, 19), date(2026, 9, 25), *(date(2026, 10, day) for day in range(1, 8))}
    return [day for day in days if day.weekday() < 5 and day not in closed]


def _bars(sessions: list[date]) -> list[dict[str, Any]]:
    choice, rows = random.Random(5), []
    for name in NAMES:
        close = round(choice.uniform(8, 60), 2)
        for day in sessions:
            before, close = close, round(close * (1 + choice.gauss(0, 0.015)), 2)
            low, high = min(before, close), max(before, close)
            values = {"open": before, "high": high, "low": low, "close": close, "prev_close": before}
            volume = choice.randrange(100_000, 900_000)
            row = {"order_book_id": name, "trade_date": day.isoformat(), **values, "volume": volume}
            rows.append({**row, "total_turnover": round(volume * (low + high) / 2, 2)})
    return rows


@contextmanager
def _house() -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="openbell-days-") as folder:
        house = House(Path(folder))
        house.deliver(FIRST, date(2026, 9, 23))
        house.service.start()
        house._settle()
        try:
            yield house
        finally:
            house.service.end_if_running()


def main() -> None:
    """Live through the days, then print the ledger."""
    with _house() as house:
        house.day(date(2026, 9, 24))
        house.closed(date(2026, 9, 25), date(2026, 9, 27))
        house.day(date(2026, 9, 28), ready="21:30")
        house.until(date(2026, 9, 29), "09:00", "15:00", "15:30", "22:00")
        house.deliver(date(2026, 9, 29), date(2026, 9, 29))
        house.day(date(2026, 9, 30))
        house.closed(date(2026, 10, 1), date(2026, 10, 7))
        house.until(date(2026, 10, 8), "09:00", "15:00", "15:30")
        house.deliver(date(2026, 10, 8), date(2026, 10, 8), broken=True)
        house.until(date(2026, 10, 8), "18:00", "22:00")
        house.until(date(2026, 10, 9), "09:00", "09:02", "09:04", "09:06")
        house.deliver(date(2026, 10, 8), date(2026, 10, 8))
        house.retried()
        house.until(date(2026, 10, 9), "15:00", "15:30")
        house.deliver(date(2026, 10, 9), date(2026, 10, 9))
        house.until(date(2026, 10, 9), "18:00", "18:12", "22:00")
        house.closed(date(2026, 10, 10), date(2026, 10, 11))
        house.set(date(2026, 10, 12), "08:00")
        house.service.stop()
        house.deliver(date(2026, 10, 12), date(2026, 10, 12))
        house.set(date(2026, 10, 13), "08:30")
        house.service.start()
        house.until(date(2026, 10, 13), "08:31")
        for day in (13, 14, 15):
            house.day(date(2026, 10, day))
        sys.stdout.write("\n".join(house.ledger()) + "\n")


if __name__ == "__main__":
    main()
