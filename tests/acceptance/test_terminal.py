"""`openbell` in a terminal, against a real service."""

import json
import os
import pty
import subprocess
from typing import Any

import pytest

from app.cli import commands
from tests.service import OPENBELL, RunningService


def openbell(service: RunningService, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [OPENBELL, *arguments],
        env=service.environment,
        cwd=service.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def document(service: RunningService, *arguments: str) -> Any:
    done = openbell(service, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_that_succeeds_is_exit_code_0(prepared: RunningService) -> None:
    done = openbell(prepared, "run", "good_job", "--wait")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("good_job run ")
    assert [line.split()[:3] for line in lines if line.startswith("  ")][-1] == ["third", "double", "succeeded"]
    assert lines[-1].startswith("succeeded after ")


def test_a_run_that_fails_is_exit_code_1_and_says_why(prepared: RunningService) -> None:
    done = openbell(prepared, "run", "bad_job", "--wait")
    assert done.returncode == commands.NOT_SUCCEEDED
    assert "ValueError: told to fail on 42" in done.stdout
    assert 'raise ValueError(f"told to fail on {number}")' in done.stdout, "the traceback is there too"
    assert "upstream_failed" in done.stdout


def test_a_run_that_lasts_longer_than_one_waits_goes_on(prepared: RunningService) -> None:
    done = openbell(prepared, "run", "slow_job", "--wait", "--timeout", "0.5", "--json")
    assert done.returncode == commands.TIME_UP
    run = json.loads(done.stdout)
    assert run["status"] in ("queued", "running")
    assert prepared.http.post(f"/api/v1/runs/{run['id']}/cancel?wait=30").status_code in (200, 202)


def test_an_unknown_job_is_exit_code_4_with_the_hint(prepared: RunningService) -> None:
    done = openbell(prepared, "run", "godo_job")
    assert done.returncode == commands.REFUSED
    assert "godo_job" in done.stderr


def test_what_a_run_was_told(prepared: RunningService) -> None:
    run = document(prepared, "run", "good_job", "--tag", "why=test", "--priority", "70", "--note", "by hand", "--wait")
    assert (run["tags"]["why"], run["priority"], run["note"]) == ("test", 70, "by hand")
    assert document(prepared, "runs", run["id"])["status"] == "succeeded"
    shown = openbell(prepared, "runs", run["id"])
    assert shown.returncode == 0
    assert "third\tdouble\tsucceeded" in shown.stdout


def test_status_and_runs_are_the_services(prepared: RunningService) -> None:
    document(prepared, "run", "good_job", "--wait")
    assert document(prepared, "status", "good_job")["status"] == "succeeded"
    assert "status\tsucceeded" in openbell(prepared, "status", "good_job").stdout
    listed = document(prepared, "runs", "--job", "good_job", "--limit", "1")
    assert [run["job"] for run in listed["items"]] == ["good_job"]
    row = openbell(prepared, "runs", "--job", "good_job", "--limit", "1").stdout.splitlines()[1].split("\t")
    assert (row[0], row[3]) == (listed["items"][0]["id"], "succeeded")


def test_keys_are_made_listed_and_revoked(prepared: RunningService) -> None:
    key = openbell(prepared, "keys", "create", "reader").stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    assert prepared.http.get("/api/v1/runs", headers=headers).status_code == 200
    (known,) = [item for item in document(prepared, "keys", "list")["items"] if item["name"] == "reader"]
    assert known["role"] == "viewer"
    assert openbell(prepared, "keys", "revoke", known["id"]).returncode == 0
    assert prepared.http.get("/api/v1/runs", headers=headers).status_code == 401


def test_the_doctor_finds_nothing_wrong_beside_a_running_service(prepared: RunningService) -> None:
    findings = document(prepared, "doctor")
    assert [finding for finding in findings if finding["status"] == "failed"] == []


@pytest.mark.slow
def test_a_person_sees_a_table_that_moves(prepared: RunningService) -> None:
    ours, theirs = pty.openpty()
    environment = {**prepared.environment, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen([OPENBELL, "run", "good_job", "--wait"], env=environment, cwd=prepared.folder, stdout=theirs)
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 4096):
            seen += part
    except OSError:
        pass  # how Linux says that the other end of a terminal is closed
    finally:
        os.close(ours)
    assert process.wait(60) == 0
    assert b"third" in seen
    assert b"succeeded after" in seen
