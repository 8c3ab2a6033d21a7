"""The inputs of commands: image files and fits, with what there is to say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gsic.cli import console
from gsic.cli.console import Console

if TYPE_CHECKING:
    from gsic.fitting.result import Fit
    from gsic.images import Loaded


def load_image(path: str, say: Console, accept_truncated: bool) -> Loaded:
    """Load an image file, and print its notes."""
    from gsic import images
    from gsic.streams import silence_stderr

    with silence_stderr():
        loaded = images.load(path, accept_truncated=accept_truncated)
    for note in loaded.notes:
        say.print_note(note)
    return loaded


def load_fit(path: str) -> Fit:
    """Load a fit that `gsic fit` wrote."""
    import io

    from gsic.files import read_bytes
    from gsic.fitting.result import Fit

    with console.name_source(path):
        return Fit.load(io.BytesIO(read_bytes(path)))
