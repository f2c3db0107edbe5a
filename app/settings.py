"""Every setting, `OPENBELL_*` in the environment or in `.env`: typed, checked together at start, frozen."""

import difflib
import os
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import ConfigurationError, Fault

PREFIX = "OPENBELL_"
Role = Literal["api", "scheduler", "worker"]
ROLES: tuple[Role, ...] = ("api", "scheduler", "worker")
# Kubernetes injects OPENBELL_SERVICE_HOST, OPENBELL_PORT_80_TCP and the like for a service named "openbell".
_INJECTED = ("SERVICE_HOST", "SERVICE_PORT", "PORT_")
_TEST_ONLY = ("TEST_DATA",)
SECRET_PREFIX = PREFIX + "SECRET_"
"""OPENBELL_SECRET_<NAME> is the value of the secret NAME, for the run process that is given it."""


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """What `openbell serve` runs with. Names are the fields in upper case behind `OPENBELL_`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on. Anything but loopback shows the API to the network.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] = Field(
        Path("var"), description="Where the database, the lake, logs and keys are kept.", validate_default=True
    )
    database_url: str = Field("", description="Empty: SQLite in the data dir. Or postgresql://user:password@host/name.")
    admin_key: SecretStr | None = Field(None, description="The admin key. Empty: one is made at first start (admin.key).")
    roles: Words = Field(ROLES, description="What this process does: api, scheduler, worker, or several, by comma.")
    slots: int = Field(4, ge=1, le=256, description="Runs that this worker executes at once.")
    op_modules: Words = Field((), description="Your Python modules with ops, by comma, beside the shipped ones.")
    definitions_dir: Annotated[Path | None, AfterValidator(lambda path: path and path.expanduser().absolute())] = Field(
        None, description="A folder of definitions that every start applies; what stands in it is changed there alone."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What the service logs.")

    source: Literal["simulated", "files", "rqdatac"] = Field("simulated", description="Where market data comes from.")
    files_path: str = Field("", description="For source files: a Parquet or CSV file, a folder, or a glob.")
    history_start: date | None = Field(None, description="The first date of everything. Empty: the source's own first date.")
    simulated_symbols: int = Field(300, ge=1, le=20000, description="Size of the simulated market.")
    simulated_years: float = Field(3, gt=0, le=40, description="Length of the simulated history up to today.")
    rqdatac_uri: SecretStr | None = Field(None, description="For source rqdatac: tcp://user:password@host:port.")
    first_run: bool = Field(False, description="Run daily_full_pipeline once on an empty data dir (not for rqdatac).")
    rhythm: Literal["live", "paused"] = Field("live", description="How a start plants the shipped schedules and triggers.")

    beat_seconds: float = Field(5, gt=0, description="How often a worker renews its lease.")
    lease_seconds: float = Field(30, gt=0, description="How long a worker may be silent before its runs are taken over.")
    reap_seconds: float = Field(5, gt=0, description="How often dead workers are looked for.")
    unknown_op_seconds: float = Field(
        300, ge=0, description="How long a run waits for a worker that has its op, once none has, before it fails."
    )
    poll_seconds: float = Field(2, gt=0, description="How often the queue is looked at when nothing woke the worker.")
    grace_seconds: float = Field(10, ge=0, description="How long a run may go on after being told to stop.")
    child_idle_seconds: float = Field(60, ge=0, description="How long an idle child process is kept.")
    child_runs: int = Field(200, ge=1, description="Runs after which a child process is replaced.")
    child_growth_bytes: int = Field(512 * 2**20, ge=0, description="Memory growth at which a child process is replaced.")
    queue_limit: int = Field(200_000, ge=1, description="Queued runs beyond which new ones are refused (429).")
    waiters_limit: int = Field(200, ge=0, description="Clients that may wait for a run (?wait=) at once.")
    free_bytes: int = Field(
        200 * 2**20, ge=0, description="Free room on the data dir's disk without which no run begins; 0 asks for none."
    )
    snapshot_days: int = Field(
        30, ge=1, le=36_500, description="How long a snapshot is kept once a newer one followed; the last of a month longer."
    )
    log_days: int = Field(90, ge=1, le=36_500, description="How long the log of a run is kept once it has ended.")
    run_days: int = Field(400, ge=8, le=36_500, description="How long a run that published nothing is kept once it has ended.")
    backups_kept: int = Field(7, ge=0, le=1000, description="Nightly backups of the database that are kept; 0: none is made.")
    clock_file: str = Field("", description="A file with an offset in seconds that all processes follow; for tests.")

    @cached_property
    def url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'openbell.db'}"

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that children import: the shipped ops, then the user's."""
        return ("app.stocks", *self.op_modules)


def load(**overrides: object) -> Settings:
    """Read and check all settings at once. Raises ConfigurationError naming each fault and where it stands."""
    file = Settings.model_config.get("env_file")
    faults = _unknown({**(dotenv_values(str(file)) if file else {}), **os.environ})
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        for problem in error.errors():
            name = PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
            faults.append(Fault(name, problem["msg"]))
        raise ConfigurationError("Some settings are not valid.", faults=faults) from None
    faults.extend(_inconsistent(settings))
    if faults:
        raise ConfigurationError("Some settings are not valid.", faults=faults)
    return settings


def _unknown(environment: Mapping[str, str | None]) -> list[Fault]:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    faults = []
    for name in environment:
        rest = name.removeprefix(PREFIX)
        if name == rest or name in known or rest in _TEST_ONLY or name.startswith(SECRET_PREFIX) or rest.startswith(_INJECTED):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        faults.append(Fault(name, "there is no such setting" + (f"; did you mean {near[0]}?" if near else "")))
    return faults


def _inconsistent(settings: Settings) -> list[Fault]:
    faults = []
    if unknown := set(settings.roles) - set(ROLES):
        faults.append(Fault(PREFIX + "ROLES", f"unknown role {sorted(unknown)[0]!r}; the roles are {', '.join(ROLES)}"))
    if settings.source == "files" and not settings.files_path:
        faults.append(Fault(PREFIX + "FILES_PATH", "the source 'files' needs a path"))
    if settings.lease_seconds < 2 * settings.beat_seconds:
        faults.append(Fault(PREFIX + "LEASE_SECONDS", "a lease must last at least two beats"))
    return faults
