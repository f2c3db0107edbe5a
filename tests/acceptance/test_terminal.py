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


def test_a_run_is_known_by_how_its_id_begins(prepared: RunningService) -> None:
    run_id = openbell(prepared, "run", "good_job").stdout.strip()
    assert document(prepared, "runs", run_id[:30])["id"] == run_id
    unclear = openbell(prepared, "runs", "0")
    assert (unclear.returncode, "runs have an id that begins with '0'" in unclear.stderr) == (commands.REFUSED, True)
    assert openbell(prepared, "runs", "no-such").returncode == commands.REFUSED


def test_status_without_a_job_has_a_line_for_each(prepared: RunningService) -> None:
    lines = openbell(prepared, "status").stdout.splitlines()
    assert lines[0].startswith("job\tstatus\t")
    names = [job["name"] for job in document(prepared, "jobs")["items"]]
    assert [line.split("\t")[0] for line in lines[1:]] == names
    assert {"good_job", "bad_job", "slow_job"} <= set(names)


def test_a_run_is_cancelled_and_done_again(prepared: RunningService) -> None:
    assert openbell(prepared, "pause", "slow_job").stdout == "slow_job\tpaused\n"
    try:
        first = openbell(prepared, "run", "slow_job").stdout.strip()
        assert openbell(prepared, "cancel", first).stdout == f"{first}\tcancelled\n"
        again = document(prepared, "retry", first, "--from", "start", "--note", "once more")
        assert (again["retry_of"], again["note"]) == (first, "once more")
        assert document(prepared, "cancel", again["id"])["status"] == "cancelled"
    finally:
        assert openbell(prepared, "resume", "slow_job").stdout == "slow_job\tnot paused\n"


def test_a_paused_job_says_what_its_run_waits_for(prepared: RunningService) -> None:
    assert openbell(prepared, "pause", "good_job").stdout == "good_job\tpaused\n"
    try:
        done = openbell(prepared, "run", "good_job", "--wait", "--timeout", "0.5")
        assert done.returncode == commands.TIME_UP
        assert "queued, waiting: the job 'good_job' is paused" in done.stdout
    finally:
        assert openbell(prepared, "resume", "good_job").stdout == "good_job\tnot paused\n"


def test_logs_are_the_same_text_while_they_come(prepared: RunningService) -> None:
    run = json.loads(openbell(prepared, "run", "bad_job", "--wait", "--json").stdout)
    whole = openbell(prepared, "logs", run["id"]).stdout
    assert "told to fail on 42" in whole
    assert openbell(prepared, "logs", run["id"], "-f").stdout == whole
    assert [json.loads(line)["node"] for line in openbell(prepared, "logs", run["id"], "--json").stdout.splitlines()] == [
        "broken",
        "after",
    ]


def test_ops_are_listed(prepared: RunningService) -> None:
    assert "break_down\ttests.acceptance.sample_ops\tFail." in openbell(prepared, "ops").stdout


def test_a_key_is_revoked_by_its_name(prepared: RunningService) -> None:
    made = openbell(prepared, "keys", "create", "short-lived")
    assert (len(made.stdout.split()), "not shown again" in made.stderr) == (1, True)
    assert openbell(prepared, "keys", "create", "short-lived").returncode == 0
    twice = openbell(prepared, "keys", "revoke", "short-lived")
    assert (twice.returncode, "2 keys bear the name" in twice.stderr) == (commands.REFUSED, True)
    key_id = made.stderr.split()[1]
    assert openbell(prepared, "keys", "revoke", key_id).returncode == 0
    assert openbell(prepared, "keys", "revoke", "short-lived").returncode == 0, "the other one bears it alone now"


def test_with_json_an_error_is_a_problem_document(prepared: RunningService) -> None:
    done = openbell(prepared, "run", "godo_job", "--json")
    assert (done.returncode, done.stdout) == (commands.REFUSED, "")
    problem = json.loads(done.stderr)
    assert (problem["status"], problem["code"]) == (404, "not_found")
