"""The arguments of `openbell serve`: settings by another door. Read by argparse, for the service holds no typer."""

import argparse
from collections.abc import Sequence

from app.settings import PREFIX, Settings

OFFERED = ("host", "port", "data_dir", "roles", "slots")
"""What is worth an argument; every setting is read from the environment and `.env`."""


def overrides(arguments: Sequence[str]) -> dict[str, object]:
    """The settings that these arguments override. Exits with 2 and a usage line when they are not valid."""
    return {name: value for name, value in vars(parser().parse_args(arguments)).items() if value is not None}


def parser() -> argparse.ArgumentParser:
    """Arguments named after the settings, explained by their descriptions."""
    made = argparse.ArgumentParser(
        "openbell serve",
        description="Run the service.",
        epilog=f"Every setting can be given as {PREFIX}NAME.",
        allow_abbrev=False,
    )
    for name in OFFERED:
        field = Settings.model_fields[name]
        made.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar=name.upper(), help=field.description)
    return made
