"""The command line `gsic`: `commands` are what it can do, `console` is how it talks.

Nothing here loads NumPy or anything heavy before a command needs it.
"""

import contextlib
import sys

import click

from gsic import streams
from gsic.cli import console
from gsic.cli.commands import gsic


def main() -> None:
    """Run the command line of this process, and end the process."""
    streams.hold_closed()
    streams.escape_on_stdout()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line, without the program's name, and return its exit code."""
    return console.run_guarded(lambda: _run(arguments))


def _run(arguments: list[str]) -> int:
    """Parse and run one command line; Click prints its own errors."""
    try:
        code = gsic.main(arguments, prog_name="gsic", standalone_mode=False)
    except click.Abort as abort:
        # Click takes the end of a file for an interrupt as well.
        raise abort.__cause__ or KeyboardInterrupt from None
    except click.ClickException as error:
        with contextlib.suppress(OSError):  # a stderr that takes nothing
            error.show()
        return error.exit_code
    return code if isinstance(code, int) else 0
