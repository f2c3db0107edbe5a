"""The documents tell the truth: settings, links, decisions and file names are as the code has them."""

import re
import subprocess
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from app import errors
from app.definitions.job import JobDocument
from app.settings import PREFIX, Settings
from app.store.status import Reason

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NOT_ANSWERED = {"configuration", "lease_lost"}
"""What no request is answered with."""
SETTINGS = list(Settings.model_fields.items())


def _default(value: object) -> str:
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def _env_example() -> str:
    head = "# Every setting with its default. Copy this file to .env and uncomment what you change.\n"
    return head + "".join(
        f"\n# {field.description}\n#{PREFIX}{name.upper()}={_default(field.default)}\n" for name, field in SETTINGS
    )


def _table() -> str:
    rows = [f"| `{PREFIX}{name.upper()}` | {_default(field.default) or '-'} | {field.description} |" for name, field in SETTINGS]
    return "\n".join(["| setting | default | what it does |", "|---|---|---|", *rows])


def test_env_example_is_in_step_with_the_settings() -> None:
    assert (ROOT / ".env.example").read_text() == _env_example(), f".env.example should be:\n{_env_example()}"


def test_operations_lists_every_setting() -> None:
    assert _table() in (ROOT / "docs" / "operations.md").read_text(), f"docs/operations.md should hold:\n{_table()}"


def test_every_setting_is_described() -> None:
    assert [name for name, field in SETTINGS if not field.description] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_a_document_names_exist(document: Path) -> None:
    names = re.findall(r"`((?:app|docs|tests|benchmarks|migrations|examples)/[\w./-]*)`", document.read_text())
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_decisions_that_the_code_names_exist() -> None:
    tracked = subprocess.run(["git", "grep", "-hoE", r"docs/decisions/[0-9]{4}"], cwd=ROOT, capture_output=True, text=True)
    known = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")}
    assert {name[-4:] for name in tracked.stdout.split()} <= known


def _first_cells(document: str) -> set[str]:
    rows = (line for line in (ROOT / "docs" / document).read_text().splitlines() if line.startswith("| `"))
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_field_of_a_job_and_every_reason_is_explained() -> None:
    assert _first_cells("jobs.md") == set(JobDocument.model_fields) | set(Reason)


def test_every_code_of_a_refusal_is_listed() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.OpenbellError)]
    assert {kind.code for kind in kinds} - NOT_ANSWERED | {"method_not_allowed"} <= _first_cells("operations.md")


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.M)
    assert phony is not None
    assert set(phony[1].split()) == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M))
