"""Definitions go from one service through files to another, and stay there as long as their files."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.cli import commands
from tests.acceptance.test_terminal import openbell
from tests.service import RunningService

PIPELINE = {"name": "files", "nodes": [{"id": "load", "op": "load_market_data"}]}
JOB = {"name": "files_job", "pipeline": "files", "paused": True}


@pytest.fixture
def one(service: RunningService) -> Iterator[RunningService]:
    """A service with a pipeline and a job that somebody made over HTTP."""
    for plural, document in (("pipelines", PIPELINE), ("jobs", JOB)):
        assert service.http.post(f"/api/v1/{plural}", json=document).status_code == 201
    yield service
    for path in ("jobs/files_job", "pipelines/files"):
        assert service.http.delete(f"/api/v1/{path}").status_code == 204


class Told(NamedTuple):
    """What a command said."""

    returncode: int
    stdout: str
    stderr: str


# A command's connections end with its process, which is this one's here.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_from_one_service_through_files_to_another(
    one: RunningService,
    start_service: Callable[..., RunningService],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    defs = tmp_path / "defs"

    def told(service: RunningService, *arguments: str) -> Told:
        """The command in this process: half a second a command is spent on imports."""
        monkeypatch.setattr("sys.argv", ["openbell", *arguments, str(defs)])
        monkeypatch.setenv("OPENBELL_DATA_DIR", str(service.data_dir))
        try:
            code = commands.run()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Told(code, *capsys.readouterr())

    exported = openbell(one, "export", str(defs))
    assert sorted(exported.stdout.split()) == sorted(["written", "pipelines/files.json", "written", "jobs/files_job.json"])
    assert (defs / "jobs/files_job.json").read_text() == (
        '{\n  "name": "files_job",\n  "paused": true,\n  "pipeline": "files"\n}\n'
    )  # fmt: skip
    same = told(one, "diff")
    assert (same.returncode, same.stdout) == (0, "")

    (defs / "jobs/files_job.json").write_text('{"pipeline": "files", "max_concurrent_runs": 2}')
    changed = told(one, "diff")
    assert changed.returncode == 1
    assert changed.stdout.splitlines()[:2] == ["--- service/jobs/files_job.json", "+++ files/jobs/files_job.json"]
    assert {'-  "paused": true,', '+  "max_concurrent_runs": 2,'} <= set(changed.stdout.splitlines())
    assert told(one, "apply", "--dry-run").stdout.splitlines() == ["adopt\tpipelines/files.json", "change\tjobs/files_job.json"]
    assert one.http.get("/api/v1/jobs/files_job").json()["version"] == 1
    assert told(one, "apply").stdout.splitlines()[-1] == "change\tjobs/files_job.json"
    assert told(one, "apply").stdout.splitlines()[-1] == "unchanged\tjobs/files_job.json"

    (defs / "pipelines/files.json").write_text('{"nodes": [{"id": "load", "op": "load_market_dat"}]}')
    for command, code in (("diff", commands.USAGE), ("apply", commands.REFUSED)):
        refused = told(one, command)
        assert refused.returncode == code
        assert "pipelines/files.json: /nodes/0/op: there is no op 'load_market_dat'; did you mean" in refused.stderr

    (defs / "pipelines/files.json").write_text('{"nodes": [{"id": "load", "op": "load_market_data"}]}')
    other = start_service(definitions_dir=defs)
    job: dict[str, Any] = other.http.get("/api/v1/jobs/files_job").json()
    assert (job["managed_by"], job["file"], job["max_concurrent_runs"]) == ("file", str(defs / "jobs/files_job.json"), 2)
    refused_put = other.http.put("/api/v1/jobs/files_job", json={"pipeline": "files"})
    assert (refused_put.status_code, refused_put.json()["code"]) == (409, "managed_by_file")
    assert job["file"] in refused_put.json()["detail"]
    assert other.http.post("/api/v1/jobs/files_job/pause").status_code == 200
    assert '-  "paused": true,' in told(other, "diff").stdout
    other.stop()

    (defs / "jobs/files_job.json").write_text("{")
    other.start()
    assert "jobs/files_job.json: The file is not JSON" in other.http.get("/readyz").json()["details"]["definitions"]
    assert other.http.get("/api/v1/jobs/files_job").json()["paused"] is True
    other.stop()
