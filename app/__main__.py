"""`python -P -m app serve`: what `openbell serve` becomes. Every other command is the command line's."""

import sys


def _serve(arguments: list[str]) -> None:
    from app import settings, slim
    from app.cli.serve import overrides
    from app.errors import ConfigurationError

    given = overrides(arguments)
    try:
        checked = settings.load(**given)
        from app.engine.forkserver import ForkServer

        # First, because its imports take longer than all that follows: they run beside each other.
        forkserver = ForkServer.start(checked)
        try:
            slim.import_structlog()
            from app import main

            main.serve(checked, forkserver)
        finally:
            forkserver.stop()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        _serve(sys.argv[2:])
    else:
        from app.cli import main

        main()
