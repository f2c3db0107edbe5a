"""Files for their owner's eyes only: whole, and of two first writers one."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app import private


def test_of_many_that_write_it_first_one_does_and_all_hear_the_same(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda n: private.write_first(path, f"secret {n}\n"), range(64)))
    assert found == {path.read_text().strip()}
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_empty_file_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch()
    assert private.write_first(path, "secret\n") == "secret"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_swept_and_what_another_writes_now_is_not(tmp_path: Path) -> None:
    old, new = tmp_path / ".key.1.2", tmp_path / ".key.3.4"
    for left in (old, new):
        left.touch()
    os.utime(old, (0, 0))
    private.write(tmp_path / "key", "secret\n")
    assert sorted(tmp_path.iterdir()) == [new, tmp_path / "key"]
