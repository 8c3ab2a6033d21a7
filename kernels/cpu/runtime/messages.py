"""What kernels say to the user: lines on stderr, which must never disturb the work."""

from __future__ import annotations

import contextlib
import sys


def say(text: str) -> None:
    """Print one line on stderr, if there is one and it can be written.

    Without the check, `print` writes to stdout where stderr is closed, in the middle of data.

    Args:
        text: what to say, without the name of the program.
    """
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it is closed
            # One call for the whole line, so that those of several processes stay apart.
            sys.stderr.write(f"gsic: {' '.join(text.split())}\n")
            sys.stderr.flush()
