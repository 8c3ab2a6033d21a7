"""Profile `gsic`: integers <-> bytes. FORMAT.md section 7.2 is normative.

Under sum blending the Gaussians of an image are a set. They are grouped by position class; within
a group they are sorted by their square in raster order and coded as a sorted set, which
saves the log2 N! bits that an order would cost. All other symbols follow column by column in that
order, and last the bits that tell cells of one square apart, whose sides the shapes say.
"""

from __future__ import annotations

import numpy as np

from gsic.arrays import Int64
from gsic.coding.ans import SymbolWriter, count_states, read_image
from gsic.coding.columns import write_columns
from gsic.coding.contexts import Contexts
from gsic.coding.sorted_set import write_sets
from gsic.container import Container
from gsic.profiles.gsic.parameters import Parameters, read_parameters, write_parameters
from gsic.profiles.gsic.places import are_upright, count_fine_bits, find_shifts
from gsic.profiles.gsic.symbols import (
    LOG_SCALE_EXPONENT,
    MARGIN_PX,
    QuantisedImage,
    Symbols,
    count_squares,
    make_empty_symbols,
)
from gsic_kernels.constants import PLACE_BITS, SQUARE_BITS
from gsic_kernels.cpu.ans.layout import EXPECTED_CLASS, LEAST_GROUP


def write(image: QuantisedImage) -> tuple[bytes, bytes]:
    """Return the parameter bytes and the payload of an image.

    Raises:
        ValueError: a symbol out of range.
    """
    header, symbols = canonicalise(image)
    groups, counts = np.unique(symbols.position_class, return_counts=True)
    parameters = write_parameters(Parameters(header, groups.tolist(), counts.tolist()))
    if not len(symbols):
        return parameters, b""
    writer = SymbolWriter()
    grids = [count_squares(header, group) for group in groups.tolist()]
    squares = np.split(find_squares(symbols), np.cumsum(counts)[:-1])
    keys = [
        square[:, 1] * columns + square[:, 0]
        for square, (columns, _) in zip(squares, grids, strict=True)
    ]
    write_sets(writer, keys, [columns * rows for columns, rows in grids])
    fine_bits = count_fine_bits_of(symbols)
    classes, others = split_columns(symbols, fine_bits)
    write_columns(writer, [classes], group_by_position(symbols.position_class))
    write_columns(writer, others, group_by_amplitude(symbols.amplitude_class))
    writer.write_fields(find_cells(symbols, fine_bits), count_cell_bits(fine_bits))
    return parameters, writer.finish(count_states(len(symbols)))


def read(file: Container) -> QuantisedImage:
    """Return the image that `write` wrote; its Gaussians are in the order of the file.

    Raises:
        CorruptFile: no encoder can have made the parameters and the payload.
    """
    header, groups, counts = read_parameters(file)
    if not groups:
        return QuantisedImage(header, make_empty_symbols(header.channels))
    classes = np.array((groups, counts)).T.copy()
    size = header.width + 2 * MARGIN_PX, header.height + 2 * MARGIN_PX
    return QuantisedImage(header, rows=read_image(file.payload, classes, size, header.channels))


def canonicalise(image: QuantisedImage) -> QuantisedImage:
    """Sort the Gaussians by position class, square in raster order, then all other symbols.

    Gaussians whose amplitudes are all zero draw nothing and are left out. Equal sets of Gaussians
    give equal files.
    """
    header, symbols = image
    symbols = symbols.drop_invisible()
    square = find_squares(symbols)
    keys = (
        *symbols.place.T,
        *symbols.color.T,
        *symbols.log_anisotropy.T,
        symbols.log_scale,
        symbols.amplitude_class,
        square[:, 0],
        square[:, 1],
        symbols.position_class,
    )
    return QuantisedImage(header, symbols.select(np.lexsort(keys)))


def find_squares(symbols: Symbols) -> Int64:
    """Find column and row of the square that each mean lies in, int64 (N, 2)."""
    return symbols.place >> (PLACE_BITS + SQUARE_BITS - symbols.position_class)[:, None]


def count_fine_bits_of(symbols: Symbols) -> Int64:
    """Count the bits F by which the cells of Gaussians are finer than squares in one direction."""
    return count_fine_bits(symbols.position_class, symbols.amplitude_class, symbols.log_anisotropy)


def count_cell_bits(fine_bits: Int64) -> Int64:
    """Count the bits of the numbers of cells within their squares."""
    # Along and across a Gaussian these are SQUARE_BITS - F / 2 and F more, F / 2 rounded down.
    return 2 * SQUARE_BITS + (fine_bits & 1)


def find_cells(symbols: Symbols, fine_bits: Int64) -> Int64:
    """Find the number of each mean's cell within its square, int64 (N,)."""
    upright = are_upright(symbols.log_anisotropy)
    shifts = find_shifts(symbols.position_class, fine_bits, upright)
    bits = (PLACE_BITS + SQUARE_BITS - symbols.position_class)[:, None] - shifts
    cell = (symbols.place >> shifts) & (np.left_shift(1, bits) - 1)
    across, along = np.where(upright, cell.T, cell.T[::-1])
    number: Int64 = along + (across << np.where(upright, *bits.T[::-1]))
    return number


def split_columns(symbols: Symbols, fine_bits: Int64) -> tuple[Int64, list[Int64]]:
    """Split symbols into the columns that are coded, less what their contexts predict.

    Args:
        symbols: N Gaussians.
        fine_bits: int64 (N,), their F.

    Returns:
        The column of amplitude classes, whose contexts are the position classes; and the columns of
        log-scale, log-anisotropy and amplitudes, whose contexts are the amplitude classes.
    """
    position, amplitude = symbols.position_class, symbols.amplitude_class
    log_scale = symbols.log_scale - predict_log_scale(position, amplitude, fine_bits)
    classes = amplitude - predict_amplitude_class(position)
    return classes, [log_scale, *symbols.log_anisotropy.T, *symbols.color.T]


def predict_amplitude_class(position_class: Int64) -> Int64:
    """Predict the amplitude class in a position class: that of a Gaussian of 4 px."""
    return np.maximum(position_class + EXPECTED_CLASS, 0)


def predict_log_scale(position_class: Int64, amplitude_class: Int64, fine_bits: Int64) -> Int64:
    """Predict the log-scale symbol: the area of a cell is about that of a Gaussian times 4^-A."""
    octaves = 2 * (amplitude_class - position_class) - (fine_bits & 1)
    return (octaves << amplitude_class) >> LOG_SCALE_EXPONENT


def group_by_position(position_class: Int64) -> Contexts:
    """Group rows by their position class."""
    return Contexts(position_class, least=LEAST_GROUP)


def group_by_amplitude(amplitude_class: Int64) -> Contexts:
    """Group rows by their amplitude class."""
    # The steps of shapes halve from class to class, and amplitudes are about 2^A.
    return Contexts(amplitude_class, least=LEAST_GROUP, doubling=True)
