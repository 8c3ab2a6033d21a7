"""A stand-in for the module `numpy` whose uninitialised arrays hold conspicuous values."""

from typing import Any

import numpy as np


class PoisonedNumpy:
    """NumPy, with `empty` filled with NaN, or with 111 for integers."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = float) -> Any:
        array = np.empty(shape, dtype)
        array.fill(np.nan if array.dtype.kind == "f" else 111)
        return array
