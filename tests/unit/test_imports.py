"""What importing the definitions costs the service, and that the order of imports does not matter."""

import subprocess
import sys

import pytest

HEAVY = ("pandas", "numpy", "pyarrow", "duckdb", "talib", "exchange_calendars", "jsonschema", "sqlalchemy", "fastapi")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_definitions_bring_nothing_heavy_along() -> None:
    modules = "app.definitions, app.definitions.pipeline, app.definitions.job, app.definitions.schedule, app.definitions.trigger"
    assert run(f"import sys, {modules}; print([name for name in {HEAVY} if name in sys.modules])") == "[]"


@pytest.mark.parametrize(
    "first",
    [
        "import app.definitions.job, app.definitions.schedule",
        "from app.definitions.schedule import parse_schedule",
        "import app.manager",
    ],
)
def test_job_and_schedule_are_the_decorators_whatever_was_imported_before(first: str) -> None:
    # Modules of the package have the same names: an attribute that is set late would be the module.
    code = f"{first}; import app.definitions.job, app.definitions.schedule; from app.definitions import job, schedule; "
    assert run(code + "print(callable(job), callable(schedule))") == "True True"
