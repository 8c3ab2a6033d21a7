"""Frequency tables (models) of integer symbols.

All frequencies of a table sum to 2^24; FORMAT.md section 3 is normative.
"""

from __future__ import annotations

from typing import Any, Protocol

import constriction
import numpy as np
import numpy.typing as npt

from gsic.arrays import Float64, Int64
from gsic_kernels.cpu.ans import layout
from gsic_kernels.lazy import lazy_property

PRECISION = layout.PRECISION
"""Frequencies of a model sum to 2^PRECISION."""

TOTAL = layout.TOTAL
"""2^PRECISION. More would overflow: the decoder multiplies state >> 24, which has 40 bits, by a
frequency. Less would round frequencies, and so probabilities, more coarsely."""

Categorical = constriction.stream.model.Categorical
Uniform = constriction.stream.model.Uniform


class CoderModel(Protocol):
    """A model that codes one symbol at a time: a `Model`, or a `UniformModel` of many symbols."""

    lowest: int

    @property
    def coder_model(self) -> Any:
        """The model as constriction takes it."""


class UniformModel:
    """Equal probabilities of the integers 0..size - 1, without a table in memory.

    Args:
        size: 2..2^24.
    """

    def __init__(self, size: int) -> None:
        self.lowest = 0
        self.coder_model = Uniform(size)


class Model:
    """A frequency table of the consecutive integers from `lowest` on.

    Args:
        frequencies: integers (n,), n >= 2, each at least 1, with a sum of exactly 2^24.
        lowest: the value of the first symbol.
        escape: the magnitude whose symbol also stands for all larger ones; -1 for none.

    Attributes:
        frequencies: int64 (n,).
        highest: the value of the last symbol.
        least_cost: a lower bound of the code length of any symbol, in units of 2^-24 bit.

    Raises:
        ValueError: the table breaks one of those rules.
    """

    def __init__(self, frequencies: npt.ArrayLike, lowest: int = 0, escape: int = -1) -> None:
        table = np.asarray(frequencies, np.int64)
        if len(table) < 2 or table.min() < 1 or table.sum() != TOTAL:
            raise ValueError(
                f"a model needs two or more frequencies of at least 1 with sum {TOTAL}, got "
                f"{len(table)} with sum {table.sum()}"
            )
        self.frequencies = table
        self.lowest = lowest
        self.highest = lowest + len(table) - 1
        self.escape = escape
        # A symbol of frequency f takes log2(2^24 / f) bits, which is at least 1 - f / 2^24.
        self.least_cost = TOTAL - int(table.max())

    @lazy_property
    def coder_model(self) -> Any:
        """The model as constriction takes it."""
        # constriction distributes 2^24 - n over n given weights and adds 1 to each, so weights of
        # f - 1 give exactly f; `perfect` is always given because its default has changed before.
        return Categorical((self.frequencies - 1).astype(np.float64), perfect=False)

    @lazy_property
    def starts(self) -> Int64:
        """Sums of the frequencies below each symbol, int64 (n,)."""
        return self.frequencies.cumsum() - self.frequencies

    @lazy_property
    def code_lengths(self) -> Float64:
        """Ideal code length of each symbol in bits, float64 (n,)."""
        return PRECISION - np.log2(self.frequencies)

    def measure_bits(self, symbols: npt.NDArray[Any]) -> float:
        """Add up the ideal code lengths of symbols.

        Args:
            symbols: integers of any shape, lowest..highest.

        Returns:
            Bits.
        """
        return float(self.code_lengths[np.asarray(symbols, np.int64) - self.lowest].sum())
