"""The rows of datasets for faces: encoded by a child page by page, all of one snapshot; the service holds one page at a time."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.definitions.encoded import Encoded
from app.errors import Fault, Invalid, Unavailable
from app.manager.data import Data
from app.store import lake

PAGE_SECONDS = 15
"""A page ends its reading after 1.5 s; a child that must be started first, on a busy machine, takes longer."""


@dataclass(frozen=True)
class RowPart:
    """Bytes of a dataset's rows, how many rows they are, of which snapshot, and the cursor to what follows."""

    content: bytes
    rows: int
    snapshot: int
    next_cursor: str | None


class Rows(Data):
    """Reads datasets through the query child. One page at a time is made, so that other questions wait for one at most."""

    _page_lock = threading.Lock()

    def describe_dataset(self, name: str) -> dict[str, Any]:
        """A dataset as the newest snapshot has it, with its entry in the dictionary and the rows of each of its months.

        One that the dictionary knows and that has no rows yet is version 0. Raises NotFound, Unavailable.
        """
        with self.database.read() as connection:
            number = lake.newest(connection)
        entry = self._asked().ask("dataset_entry", {"dataset": name, "snapshot": number})
        with self.database.read() as connection:
            files = lake.state(connection, number)["datasets"].get(name, {"files": []})["files"]
        nothing = {"dataset": name, "version": 0, "snapshot": 0, "rows": 0, "bytes": 0, "min_date": None, "max_date": None}
        known = {row["dataset"]: row for row in self.list_datasets()}
        return {**nothing, "quality": None, "facts": {}, **known.get(name, {}), "dictionary": entry, "coverage": files}

    def row_part(
        self, name: str, wanted: Mapping[str, Any], *, cursor: str | None, snapshot: int | None, whole: bool = True
    ) -> RowPart:
        """One page of the dataset's rows: `wanted` are the params of the query dataset_page beside these.

        `cursor` is `next_cursor` of the page before, and stays on its snapshot. Raises NotFound, Invalid, Unavailable.
        """
        number, after = _place(cursor)
        if number is not None and snapshot not in (None, number):
            message = f"belongs to snapshot {number}, not to {snapshot}: leave the snapshot out"
            raise Invalid("The query is not valid.", faults=[Fault("/query/cursor", message)])
        number = self._snapshot(snapshot if number is None else number)
        params = {"dataset": name, "snapshot": number, "whole": whole, "after": after, **wanted}
        if not self._page_lock.acquire(timeout=4 * PAGE_SECONDS):
            raise Unavailable("Others read so much that this had no turn.")
        try:
            made = self._asked().ask("dataset_page", params, timeout=PAGE_SECONDS)
        finally:
            self._page_lock.release()
        assert isinstance(made, Encoded)
        follows = made.facts["after"]
        next_cursor = None if follows is None else json.dumps([number, follows["partition"], *follows["key"]])
        return RowPart(made.content, made.facts["rows"], number, next_cursor)

    def row_parts(self, name: str, wanted: Mapping[str, Any], snapshot: int | None) -> tuple[int, Iterator[bytes]]:
        """The snapshot, and all rows part by part as one CSV or one Arrow stream. Raises as `row_part`, before the first part."""
        first = self.row_part(name, wanted, cursor=None, snapshot=snapshot, whole=False)

        def parts() -> Iterator[bytes]:
            part = first
            yield part.content
            while part.next_cursor is not None:
                part = self.row_part(name, wanted, cursor=part.next_cursor, snapshot=None, whole=False)
                yield part.content

        return first.snapshot, parts()

    def _snapshot(self, number: int | None) -> int:
        with self.database.read() as connection:
            newest = lake.newest(connection)
            if number is not None and number != newest:
                lake.state(connection, number)
        return newest if number is None else number

    def _asked(self) -> Any:
        if self.queries is None:
            raise Unavailable("Nobody here answers questions about data.", hint="Ask the service, or use read_dataset.")
        return self.queries


_BEYOND = 2**63
"""No database holds such a number."""


def _place(cursor: str | None) -> tuple[int | None, dict[str, Any] | None]:
    if cursor is None:
        return None, None
    try:
        number, partition, *key = json.loads(cursor)
        if type(number) is int and 0 < number < _BEYOND and all(isinstance(part, str) for part in (partition, *key)):
            return number, {"partition": partition, "key": key}
    except (ValueError, TypeError):
        pass
    message = "is no cursor: take next_cursor of the page before, or none for the first page"
    raise Invalid("The query is not valid.", faults=[Fault("/query/cursor", message)])
