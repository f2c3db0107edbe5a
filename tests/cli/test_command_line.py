"""What the command line does when no service is there to ask, and how it reads its arguments."""

import io
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.console import Console

from app.cli import commands, screen
from tests.service import OPENBELL


def openbell(data_dir: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"OPENBELL_DATA_DIR": str(data_dir), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [OPENBELL, *arguments], env=environment, cwd=cwd or data_dir, capture_output=True, text=True, check=False, timeout=60
    )


def test_without_a_service_it_says_where_it_looked(tmp_path: Path) -> None:
    done = openbell(tmp_path, "status", "daily_full_pipeline")
    assert done.returncode == commands.NO_SERVICE
    assert f"there is no {tmp_path}/service.json" in done.stderr
    assert "openbell serve" in done.stderr


def test_a_service_that_is_gone_is_told_from_one_that_never_was(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"http://127.0.0.1:{gone.getsockname()[1]}"
    (tmp_path / "service.json").write_text(json.dumps({"address": address, "pid": 1}))
    done = openbell(tmp_path, "runs")
    assert done.returncode == commands.NO_SERVICE
    assert f"No service answers at {address}" in done.stderr


def test_a_difference_that_cannot_be_told_is_none_that_was_found(tmp_path: Path) -> None:
    """`diff` says 1 for a difference: whatever else is wrong must be another number."""
    assert openbell(tmp_path, "diff", str(tmp_path / "nowhere")).returncode == commands.USAGE
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/j.json").write_text("{}")
    done = openbell(tmp_path, "diff", str(tmp_path))
    assert (done.returncode, "no service is running" in done.stderr.lower()) == (commands.USAGE, True), done.stderr
    assert openbell(tmp_path, "apply", str(tmp_path)).returncode == commands.NO_SERVICE


def test_a_service_that_is_stopping_says_so(tmp_path: Path) -> None:
    said = {"address": "http://127.0.0.1:1", "pid": 7, "host": "here", "stopping": True}
    (tmp_path / "service.json").write_text(json.dumps(said))
    done = openbell(tmp_path, "runs")
    assert done.returncode == commands.NO_SERVICE
    assert "is stopping (process 7)" in done.stderr


@pytest.mark.parametrize("arguments", [("run",), ("run", "x", "-p", "nameless"), ("runs", "--limit", "0"), ("no-such-command",)])
def test_wrong_usage_is_exit_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert openbell(tmp_path, *arguments).returncode == 2


def test_settings_that_are_not_valid_are_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENBELL_SLOTS=none\n")
    done = openbell(tmp_path, "runs")
    assert done.returncode == commands.USAGE
    assert "OPENBELL_SLOTS" in done.stderr


def test_migrate_makes_the_database(tmp_path: Path) -> None:
    done = openbell(tmp_path, "db", "migrate")
    assert (done.returncode, (tmp_path / "openbell.db").exists()) == (0, True), done.stderr


def test_a_data_dir_that_is_a_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for arguments in (("db", "migrate"), ("serve",)):
        done = openbell(tmp_path / "file", *arguments, cwd=tmp_path)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert "is no folder" in done.stderr


def test_a_param_is_json_or_text() -> None:
    given = ["days=5", 'symbols=["600000.XSHG"]', "code=000001", "note=a=b", "empty="]
    expected = {"days": 5, "symbols": ["600000.XSHG"], "code": "000001", "note": "a=b", "empty": ""}
    assert commands.pairs(given, as_json=True) == expected
    assert commands.pairs(["days=5"], as_json=False) == {"days": "5"}
    with pytest.raises(typer.BadParameter):
        commands.pairs(["=5"], as_json=True)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0123, "12 ms"), (3.21, "3.2 s"), (245.4, "4 min 5 s"), (3725, "1 h 2 min")]
)
def test_durations_are_for_people(value: float | None, text: str) -> None:
    assert screen.seconds(value) == text


def test_a_pipe_gets_whole_values(capsys: pytest.CaptureFixture[str]) -> None:
    screen.table(("a", "b"), [["x" * 300, None], ["two\nlines", 1.0]])
    assert capsys.readouterr().out == f"a\tb\n{'x' * 300}\t-\ntwo lines\t1\n"


@pytest.mark.parametrize(
    ("width", "shown"), [(50, ["run", "status"]), (60, ["run", "status", "at"]), (90, ["run", "status", "at", "why"])]
)
def test_a_narrow_terminal_loses_columns_and_never_part_of_an_id(width: int, shown: list[str]) -> None:
    run_id = "01a20cff-defa-77ec-a0df-fa50c45d2cf5"
    row = (run_id, "succeeded", "10:00", "a long story " * 9)
    table = screen.rich_table(("run", "status", "at", "why"), [row], width, spare=("at", "why"))
    assert [column.header for column in table.columns] == shown
    output = io.StringIO()
    Console(width=width, file=output).print(table)
    assert f"{run_id}  succeeded" in output.getvalue()


def test_serve_reads_its_arguments_without_typer() -> None:
    program = "import sys; from app.cli import serve; print(serve.overrides(['--port', '1', '--data-dir', 'x']));"
    program += "print([name for name in ('typer', 'rich', 'httpx2') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["{'port': '1', 'data_dir': 'x'}", "[]"]
