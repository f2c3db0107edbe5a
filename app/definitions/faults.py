"""Everything that is wrong with one document, collected so that its author is told all of it at once."""

from collections.abc import Iterable

from app.definitions.names import suggestion
from app.errors import Fault, Invalid

Path = tuple[str | int, ...]
"""Where in a document: keys and indexes from its root."""

FAULTS_LIMIT = 1000
# A suggestion compares with every known name: without a bound one document could buy minutes of processor time.
SUGGESTIONS_LIMIT = 50
KNOWN_SHOWN = 5


def pointer(path: Path) -> str:
    """The path as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def shown(value: object) -> str:
    """The value as an error message may quote it: short."""
    text = repr(value[:60] if isinstance(value, str) else value)
    return text if len(text) <= 60 else text[:57] + "..."


class Faults:
    """The faults of one document, in the order in which they were found."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self.beyond = 0
        self._settled: frozenset[str] = frozenset()
        self._suggestions = 0

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(self, path: Path, message: str) -> None:
        """Note a fault. Past the first thousand they are only counted."""
        # A lone surrogate that the document brought along could not be written into the answer.
        where, what = (text.encode("utf-8", "backslashreplace").decode() for text in (pointer(path), message))
        if where in self._settled:
            return
        if len(self.found) < FAULTS_LIMIT:
            self.found.append(Fault(where, what))
        else:
            self.beyond += 1

    def settle(self) -> None:
        """Say no more of the places where something is wrong already."""
        self._settled = frozenset(fault.pointer for fault in self.found)

    def near(self, name: str, known: Iterable[str]) -> str:
        """`; did you mean 'x'?` for the nearest known name, or nothing."""
        self._suggestions += 1
        return suggestion(name, known) if self._suggestions <= SUGGESTIONS_LIMIT else ""

    def others(self, name: str, known: Iterable[str]) -> str:
        """As `near`; where none is near, the first few of those that there are."""
        if near := self.near(name, known):
            return near
        names = sorted(known) if self._suggestions <= SUGGESTIONS_LIMIT else []
        more = f" and {len(names) - KNOWN_SHOWN} more" if len(names) > KNOWN_SHOWN else ""
        return f"; there is {', '.join(names[:KNOWN_SHOWN])}{more}" if names else ""

    def finish(self, detail: str, *, hint: str | None = None) -> None:
        """Raise Invalid with all faults, if there are any."""
        if self.beyond:
            self.found.append(Fault("", f"and {self.beyond} more"))
        if self.found:
            raise Invalid(detail, hint=hint, faults=self.found)
