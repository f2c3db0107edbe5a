"""What `pause` and `resume` take for meant when no kind is said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.jobs import Pausable, _kind_of
from app.cli.service import Service, Unclear


class Known(Service):
    """Answers lists from names."""

    def __init__(self, **names: tuple[str, ...]) -> None:
        super().__init__("http://127.0.0.1:1", "", Path())
        self.names = names

    def items(self, path: str) -> Iterator[dict[str, Any]]:
        return iter([{"name": name} for name in self.names.get(path.strip("/"), ())])


def test_the_only_kind_with_that_name_is_meant() -> None:
    known = Known(jobs=("a",), schedules=("b",), triggers=("c",), deadlines=("d",))
    assert [_kind_of(known, name) for name in "abcd"] == list(Pausable)


def test_several_and_none_are_told() -> None:
    known = Known(jobs=("a",), schedules=("b",), triggers=("b",))
    with pytest.raises(Unclear, match="A schedule and a trigger are named 'b'") as several:
        _kind_of(known, "b")
    assert several.value.hint == "Say which is meant: --kind schedule."
    with pytest.raises(Unclear, match="No job, schedule, trigger or deadline is named 'x'"):
        _kind_of(known, "x")
