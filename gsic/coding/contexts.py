"""Integers whose statistics depend on a class: `values` with the classes as contexts."""

import numpy as np
import numpy.typing as npt

from gsic.coding import values
from gsic.coding.ans import SymbolReader, SymbolWriter

IntArray = npt.NDArray[np.integer]
Int64Array = npt.NDArray[np.int64]


def write_by_class(writer: SymbolWriter, symbols: IntArray, classes: IntArray) -> None:
    """Append an array of integers, a scale for each class."""
    values.write_columns(writer, [symbols], values.Contexts(classes))


def read_by_class(reader: SymbolReader, classes: IntArray) -> Int64Array:
    """Return the next integers, int64 (n,), given their classes."""
    columns = values.read_columns(reader, 1, values.Contexts(classes))
    return columns.reshape(-1)


def cost_by_class(symbols: IntArray, classes: IntArray) -> float:
    """Return about how many bits `write_by_class` takes."""
    return values.cost_bits(symbols, values.Contexts(classes))
