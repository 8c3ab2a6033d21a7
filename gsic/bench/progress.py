"""How far a run has come, in units of work."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]


class Meter:
    """Counts work that is done and reports it.

    Args:
        progress: called with (done, total, text), or None.
        total: units of work of the whole run.
    """

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self.done = 0

    def to(self, done: int, text: str) -> None:
        """So many units are done; `text` names what is worked on."""
        self.done = done
        if self._progress:
            self._progress(done, self._total, text)

    def step(self, units: int, text: str) -> None:
        """So many more units are done."""
        self.to(self.done + units, text)

    def part(self, units: int, text: str) -> Progress:
        """A callable that maps a part's own progress onto `units` from here."""
        start = self.done

        def report_part(done: int, total: int, _: str) -> None:
            self.to(start + (units * done) // max(1, total), text)

        return report_part
