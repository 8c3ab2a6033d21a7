"""Which encoder makes the files of which profile."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gsic.fit.encoding import Encoding

# Imported when they are asked for: none needs what the others load.
_ENCODERS = {
    "gsic": ("gsic.fit.encoding", "fit_to_rate"),
    "gaussianimage": ("gsic.fit.gaussianimage.encoding", "encode"),
    "2dgs": ("gsic.fit.two_dgs.encoding", "encode"),
}


def encoder(profile: str) -> Callable[..., Encoding]:
    """The encoder of a profile; `gsic.fit.encoding.fit_to_rate` says how it is called."""
    module, name = _ENCODERS[profile]
    function: Callable[..., Encoding] = getattr(importlib.import_module(module), name)
    return function
