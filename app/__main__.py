"""`python -P -m app serve`: what `openbell serve` becomes. Every other command is the command line's."""

import sys


def _serve(arguments: list[str]) -> None:
    from app import settings
    from app.cli.serve import overrides
    from app.errors import ConfigurationError

    given = overrides(arguments)
    try:
        checked = settings.load(**given)
        from app.engine.forkserver import ForkServer

        # First, because its imports take longer than all that follows: they run beside each other.
        forkserver = ForkServer.start(checked)
        try:
            _import_structlog_without_rich()
            from app import main

            main.serve(checked, forkserver)
        finally:
            forkserver.stop()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def _import_structlog_without_rich() -> None:
    """structlog imports rich wherever it is installed: 5 MB, for tracebacks that the service never draws."""
    sys.modules["rich"] = None  # type: ignore[assignment]  # how Python is told that there is none
    import structlog  # noqa: F401  (for its import alone)

    del sys.modules["rich"]


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        _serve(sys.argv[2:])
    else:
        from app.cli import main

        main()
