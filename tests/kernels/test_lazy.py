"""Properties that are computed once, and that a fork cannot leave locked."""

import os
import threading
from dataclasses import dataclass

import pytest

from gsic_kernels.lazy import lazy_property


@dataclass(frozen=True)
class Square:
    side: float

    @lazy_property
    def area(self) -> list[float]:
        """The area, in a list that tells one computation from another."""
        return [self.side**2]


def test_the_value_is_computed_once_for_each_object() -> None:
    small, large = Square(2), Square(3)
    assert (small.area, large.area) == ([4], [9])
    assert small.area is small.area
    assert Square.area.__doc__ == "The area, in a list that tells one computation from another."
    assert isinstance(Square.area, lazy_property)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of any fork with threads
def test_a_fork_while_a_thread_computes_it() -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow:
        def __init__(self, wait: bool) -> None:
            self.wait = wait

        @lazy_property
        def value(self) -> int:
            if self.wait:
                entered.set()
                leave.wait()
            return 7

    thread = threading.Thread(target=lambda: Slow(True).value)
    thread.start()
    entered.wait()
    child = os.fork()
    if child == 0:
        # With a lock, this would wait for ever; the alarm ends it.
        import signal

        signal.alarm(10)
        os._exit(Slow(False).value)
    _, status = os.waitpid(child, 0)
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 7
