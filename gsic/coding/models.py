"""Frequency tables (models) of integer symbols, for the encoder and for the decoder.

The encoder takes a `Model` per array of symbols. The decoder takes many tables at once, as two flat
arrays: `Tables`. All frequencies of a table sum to 2^24; FORMAT.md section 3 is normative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import constriction
import numpy as np
import numpy.typing as npt

from gsic.arrays import Float64, Int64, UInt32
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


class Tables(NamedTuple):
    """Several frequency tables in two arrays, as the decoder takes them.

    Attributes:
        starts: uint32 (M,), the tables one after the other. Each consists of the cumulative
            frequencies below each of its symbols, and of 2^24 at the end.
        rows: int64 (G, FIELDS), a row per table; `gsic_kernels.cpu.ans.layout` names its fields.
    """

    starts: UInt32
    rows: Int64

    @classmethod
    def from_widths(cls, widths: Sequence[int]) -> Tables:
        """Make tables of values that are raw fields only.

        Args:
            widths: bits of the values of each group, 0..64.
        """
        rows = np.zeros((len(widths), layout.FIELDS), np.int64)
        rows[:, layout.SYMBOLS] = 1
        rows[:, layout.ESCAPE] = -1
        rows[:, layout.LOW_BITS] = widths
        return cls(np.array([0, TOTAL], np.uint32), rows)

    @classmethod
    def from_models(cls, models: Sequence[Model]) -> Tables:
        """Convert one or more models."""
        starts = [np.append(0, model.frequencies.cumsum()) for model in models]
        tables = cls.from_widths([0] * len(models))
        sizes = [len(start) for start in starts]
        tables.rows[:, layout.START] = np.cumsum([0, *sizes[:-1]])
        tables.rows[:, layout.SYMBOLS] = np.array(sizes) - 1
        tables.rows[:, layout.LOWEST] = [model.lowest for model in models]
        tables.rows[:, layout.ESCAPE] = [model.escape for model in models]
        tables.rows[:, layout.LEAST_COST] = [model.least_cost for model in models]
        return cls(np.concatenate(starts).astype(np.uint32), tables.rows)

    def to_models(self) -> list[Model]:
        """Convert back to models, as an encoder takes them."""
        fields = layout.START, layout.SYMBOLS, layout.LOWEST, layout.ESCAPE
        return [
            Model(np.diff(self.starts[start : start + size + 1].astype(np.int64)), lowest, escape)
            for start, size, lowest, escape in self.rows[:, fields].tolist()
        ]


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
    def tables(self) -> Tables:
        """The model as the decoder takes it."""
        return Tables.from_models([self])

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
