"""How the command line talks: results to stdout, notes and progress to stderr, exit codes.

This module imports nothing heavy, as `gsic --help` goes through it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any

from gsic import streams
from gsic.errors import BackendError, FormatError, GsicError, InputError, LimitError, OptionError
from gsic.names import make_printable
from gsic.streams import STREAM

if TYPE_CHECKING:
    from gsic.arrays import Progress

BAD_INPUT, USAGE, NO_BACKEND, INTERRUPTED = 1, 2, 3, 130

EXIT_CODES = (
    "Exit codes: 0 done, 1 bad input or file, 2 bad usage, 3 device or library missing, "
    "130 interrupted."
)

_STARTED = time.perf_counter()


def seconds_since_start() -> float:
    """Return the wall seconds since this process began to load gsic."""
    return time.perf_counter() - _STARTED


class Console:
    """The output of one command.

    Nothing is printed into the command's own output: where that is stdout, under whatever name,
    results go to stderr; where it is stderr, notes are left out.

    Args:
        output: the command's output path, None if it has none.
        as_json: print results as JSON instead of text.
        quiet: print nothing but errors and JSON.
    """

    def __init__(self, output: str | None = None, as_json: bool = False, quiet: bool = False):
        to_stdout = output is not None and streams.is_same_file(output, sys.stdout)
        to_stderr = output is not None and streams.is_same_file(output, sys.stderr)
        self._notes: IO[str] | None = None if to_stderr else sys.stderr
        self._results = self._notes if to_stdout else sys.stdout
        self._as_json = as_json
        self._quiet = quiet
        self._listen()

    def print_result(self, report: dict[str, Any], text: str) -> None:
        """Print a finished command's report: `text`, or the report as one JSON object."""
        if self._results is None:
            return
        if self._as_json:
            print(json.dumps(_to_json(report), indent=2, allow_nan=False), file=self._results)
        elif not self._quiet:
            print(text, file=self._results)
        self._results.flush()

    def print_note(self, text: str) -> None:
        """Print something on stderr that is neither a result nor an error."""
        if not self._quiet and self._notes is not None:
            _print_message(text)

    def _listen(self) -> None:
        """Print what the codec logs, in place of the handler of an earlier command."""
        import logging

        class Notes(logging.Handler):
            def emit(handler, record: logging.LogRecord) -> None:
                # The report names the device, and may share stderr with what is said here.
                if not self._as_json or record.levelno >= logging.WARNING:
                    self.print_note(record.getMessage())

        log = logging.getLogger("gsic")
        log.handlers[:] = [Notes()]
        log.setLevel(logging.INFO)

    def print_warning(self, text: str) -> None:
        """Print on stderr what went wrong without ending the command, even if `quiet`."""
        _print_message(f"error: {text}")

    @contextlib.contextmanager
    def show_progress(self, unit: str = "step") -> Iterator[Progress | None]:
        """Show a progress bar with the time left; on a terminal only, None elsewhere."""
        if self._quiet or self._notes is None or not sys.stderr.isatty():
            yield None
            return
        bar: Any = None

        def show(done: int, total: int, text: str) -> None:
            nonlocal bar
            if bar is None:  # only now the bar knows how long it is
                bar = _make_bar(total, unit)
            bar.total = total
            bar.set_postfix_str(text, refresh=False)
            bar.update(done - bar.n)

        try:
            yield show
        finally:
            if bar is not None:
                bar.close()


def _make_bar(total: int, unit: str) -> Any:
    from tqdm import tqdm  # 35 ms

    # Some terminals say that they have 0 columns; tqdm would draw nothing on them.
    known = os.get_terminal_size(sys.stderr.fileno()).columns > 0
    size = {"dynamic_ncols": True} if known else {"ncols": 80, "nrows": 24}
    return tqdm(total=total, unit=unit, file=sys.stderr, leave=False, **size)


@contextlib.contextmanager
def name_source(source: str) -> Iterator[None]:
    """Let the errors raised inside name the file that they are about."""
    name = "stdin" if source == STREAM else source
    try:
        yield
    except (FormatError, LimitError, InputError) as error:
        message = str(error)
        if not isinstance(error, OptionError) and not message.startswith(name):
            error.args = (f"{name}: {message}",)
        raise


def run_guarded(command: Callable[[], int]) -> int:
    """Run a command and return its exit code; an exception becomes one line and a code."""
    try:
        code = command()
        sys.stdout.flush()
        return code
    except GsicError as error:
        _print_message(f"error: {error}")
        if isinstance(error, BackendError):
            return NO_BACKEND
        return USAGE if isinstance(error, OptionError) else BAD_INPUT
    except KeyboardInterrupt:
        _print_message("error: interrupted")
        return INTERRUPTED
    except MemoryError as error:
        _print_message(f"error: not enough memory: {error}".removesuffix(": "))
        return BAD_INPUT
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            parts = (error.filename, error.strerror or error)
            _print_message("error: " + ": ".join(str(part) for part in parts if part))
        return BAD_INPUT
    finally:
        _abandon(sys.stdout)
        _abandon(sys.stderr)


def _abandon(stream: IO[str]) -> None:
    """Keep the interpreter from complaining, at exit, of a stream that takes nothing any more."""
    try:
        stream.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _print_message(message: str) -> None:
    """Print one line on stderr; that nobody can read it is no reason to end the work."""
    with contextlib.suppress(OSError):
        print(f"gsic: {make_printable(message)}", file=sys.stderr)


def _to_json(value: Any) -> Any:
    """Return `value` as JSON can hold it; NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
