"""ANS payloads of one state as a stack, for coders that also push while they decode.

The arithmetic is constriction's; the numbers are those of FORMAT.md section 3.
"""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np

from gsic.errors import CorruptFile
from gsic_kernels.cpu.ans import layout

AnsCoder = constriction.stream.stack.AnsCoder


def new_coder() -> Any:
    """Create a coder in its initial state, 2^24."""
    # From 2^24 on every symbol enlarges the state, so a reader that takes more or fewer symbols
    # than were written does not end there. From state 0 the first symbols of a run could cost
    # nothing, and reading past the end would go unnoticed.
    return AnsCoder(np.array([layout.SINGLE_END], np.uint32))


def save_coder(coder: Any) -> bytes:
    """Convert the words and the state of a coder to the bytes of a payload, its top first."""
    return bytes(coder.get_compressed().astype("<u4").tobytes())[::-1].lstrip(b"\0")


def load_coder(payload: bytes) -> Any:
    """Create a coder from the bytes that `save_coder` returned.

    Raises:
        CorruptFile: the first byte is zero or missing.
    """
    if not payload or payload[0] == 0:
        raise CorruptFile("payload: it must begin with a non-zero byte")
    words = np.frombuffer(payload[::-1] + bytes(-len(payload) % 4), "<u4")
    return AnsCoder(words.astype(np.uint32))


def check_finished(coder: Any) -> None:
    """Check that a coder is back in its initial state.

    Raises:
        CorruptFile: it is not.
    """
    words = coder.get_compressed()
    if len(words) != 1 or words[0] != layout.SINGLE_END:
        raise CorruptFile("payload: its symbols do not end where its bytes do")
