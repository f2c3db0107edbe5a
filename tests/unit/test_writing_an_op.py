"""The code of docs/writing-an-op.md runs as it stands there."""

import re
from pathlib import Path

import pytest

from app.definitions import JobDefinition
from app.definitions.graph import graph

DOCUMENT = Path(__file__).parents[2] / "docs" / "writing-an-op.md"


@pytest.mark.usefixtures("empty_registry")
def test_the_code_of_the_document_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    names: dict[str, object] = {"__name__": "document"}
    for block in blocks:
        exec(compile(block, str(DOCUMENT), "exec"), names)
    made = names["liquid_job"]
    assert isinstance(made, JobDefinition)
    assert graph(made.pipeline_document)["levels"][-1] == ["rank_by_turnover", "list_at_limit"]
    assert "'pipeline': 'liquid'" in capsys.readouterr().out
