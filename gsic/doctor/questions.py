"""Asking for a fact so that nothing which is missing or broken ends the examination."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def ask(question: Callable[[], Any]) -> Any:
    """Return the answer to a question, or why it cannot be had as `unknown: REASON`.

    A broken installation is what a bug report is written about, so any error is an answer.
    """
    try:
        return question()
    except Exception as error:
        return f"unknown: {' '.join(f'{type(error).__name__}: {error}'.split())}"
