"""Definitions as files: which texts are documents, and what is told of those that are none."""

from pathlib import Path

import pytest

from app import folder
from app.definitions.documents import FOLDERS, KINDS, LIMIT, path_of, place, read, text_of
from app.errors import ConfigurationError

JOB = {"pipeline": "p", "tags": {"team": "量化", "a": "b"}}


def faults(files: dict[str, object]) -> dict[str, str]:
    return {place(fault.pointer): fault.message for fault in read(files).faults}


def test_documents_stand_in_the_order_in_which_kinds_need_one_another() -> None:
    files: dict[str, object] = {path_of(kind, "x"): "{}" for kind in reversed(KINDS)}
    assert [kind for kind, _ in read(files).documents] == list(KINDS)


def test_a_document_and_its_text_are_the_same_and_bear_the_name_of_the_file() -> None:
    as_text, as_document = read({"jobs/j.json": text_of(JOB)}), read({"jobs/j.json": JOB})
    assert as_text == as_document
    assert as_text.documents == {("job", "j"): {**JOB, "name": "j"}}


def test_what_a_document_leaves_out_or_says_as_it_is_anyway_is_the_same_canonical_form() -> None:
    short = read({"jobs/j.json": JOB}).canonical
    assert short == read({"jobs/j.json": {**JOB, "max_concurrent_runs": 1, "paused": True}}).canonical
    assert short != read({"jobs/j.json": {**JOB, "max_concurrent_runs": 2}}).canonical
    node = {"id": "a", "op": "load"}
    assert read({"pipelines/p.json": {"nodes": [node]}}).canonical == read(
        {"pipelines/p.json": {"nodes": [{**node, "inputs": {}, "params": {}}], "description": ""}}
    ).canonical  # fmt: skip


def test_a_text_is_the_same_whatever_the_order_of_keys_and_reads_well_in_a_diff() -> None:
    text = text_of({"tags": {"b": "1", "a": "量"}, "pipeline": "p", "name": "j"})
    assert text == '{\n  "name": "j",\n  "pipeline": "p",\n  "tags": {\n    "a": "量",\n    "b": "1"\n  }\n}\n'


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("job/x.json", f"stands in none of the folders {', '.join(FOLDERS)}; did you mean 'jobs'?"),
        ("x.json", f"stands in none of the folders {', '.join(FOLDERS)}"),
        ("jobs/team/x.json", "stands too deep: documents stand directly in jobs/"),
        ("jobs/x.yaml", "is no .json file: definitions are read as JSON"),
        ("jobs/My Job.json", "is named after no definition"),
        ("jobs/.json", "is named after no definition"),
    ],
)
def test_a_file_in_the_wrong_place(path: str, message: str) -> None:
    assert faults({path: "{}"})[path].startswith(message)


@pytest.mark.parametrize(
    ("text", "place_of_it", "message"),
    [
        ('{"pipeline": "p",}', "jobs/j.json", "The file is not JSON: "),
        ("", "jobs/j.json", "The file is not JSON: "),
        ("[1]", "jobs/j.json", "must be an object"),
        ('{"name": "k"}', "jobs/j.json: /name", "must be 'j', as the file is named, or left out"),
        ('{"tags": {"a": "1", "a": "2"}}', "jobs/j.json: /tags/a", "stands twice in this object"),
        ('{"params": {"x": NaN}}', "jobs/j.json: /params/x", "is not a finite number"),
        ("[" * 40 + "]" * 40, "jobs/j.json", "is nested more than 32 deep"),
        ('{"a": "\udc80"}', "jobs/j.json", "The file is not UTF-8: "),
    ],
)
def test_a_text_that_is_no_document(text: str, place_of_it: str, message: str) -> None:
    (found,) = faults({"jobs/j.json": text}).items()
    assert (found[0], found[1].startswith(message)) == (place_of_it, True), found


def test_every_broken_file_is_told_at_once() -> None:
    assert list(faults({"jobs/a.json": "{", "jobs/b.json": "[]", "pools/c.json": "1", "x/d.json": ""})) == [
        "x/d.json", "pools/c.json", "jobs/a.json", "jobs/b.json",
    ]  # fmt: skip


def test_a_folder_has_a_limit() -> None:
    (message,) = faults({f"jobs/j{number}.json": {} for number in range(LIMIT + 1)}).values()
    assert message == f"has {LIMIT + 1} documents; at most {LIMIT} are allowed"


def write(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("{}")
    return root


def test_a_folder_is_read_without_what_is_none_of_its_business(tmp_path: Path) -> None:
    write(tmp_path, "jobs/j.json", "pools/p.json", "jobs/README.md", "jobs/.j.json.swp", ".git/jobs/x.json", "package.json")
    write(tmp_path, "tools/x.json", "jobs/.hidden/x.json")
    assert sorted(folder.read(tmp_path)) == ["jobs/j.json", "pools/p.json"]


def test_what_seems_meant_is_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "Job/j.json", "jobs/j.yml", "jobs/team/j.json")
    assert sorted(folder.read(tmp_path)) == ["Job/j.json", "jobs/j.yml", "jobs/team/j.json"]


def test_a_folder_as_a_configuration_mount_has_it(tmp_path: Path) -> None:
    """Kubernetes links each folder, through a hidden link that moves, to what it mounted."""
    write(tmp_path, "..2026/jobs/j.json")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "jobs").symlink_to("..data/jobs")
    assert list(folder.read(tmp_path)) == ["jobs/j.json"]


@pytest.mark.parametrize("spoil", ["missing", "empty", "not a folder", "bytes", "large"])
def test_a_folder_that_cannot_be_read_whole_is_not_read_at_all(tmp_path: Path, spoil: str) -> None:
    root = tmp_path / "defs"
    if spoil == "empty":
        root.mkdir()
    elif spoil == "not a folder":
        root.write_text("")
    elif spoil != "missing":
        write(root, "jobs/good.json")
        (root / "jobs/bad.json").write_bytes(b'{"a": "\xff"}' if spoil == "bytes" else b" " * (folder.FILE_LIMIT + 1))
    with pytest.raises(ConfigurationError) as refused:
        folder.read(root)
    assert str(root) in refused.value.detail
    if spoil in ("bytes", "large"):
        assert [fault.pointer for fault in refused.value.faults] == ["jobs/bad.json"]


def test_a_file_is_written_whole_and_only_when_it_says_something_else(tmp_path: Path) -> None:
    assert folder.write(tmp_path, "jobs/j.json", "{}\n") is True
    assert folder.write(tmp_path, "jobs/j.json", "{}\n") is False
    assert folder.write(tmp_path, "jobs/j.json", "[]\n") is True
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == ["j.json"]
    (tmp_path / "pools").write_text("")
    with pytest.raises(ConfigurationError, match="pools"):
        folder.write(tmp_path, "pools/p.json", "{}\n")
