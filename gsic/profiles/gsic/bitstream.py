"""Profile `gsic`: integers <-> bytes. FORMAT.md section 7.2 is normative.

Under sum blending the Gaussians of an image are a set. They are grouped by position class; within
a group they are sorted by their cell in raster order and coded as a sorted set, which saves the
log2 N! bits that an order would cost. All other symbols follow column by column in that order.
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
from gsic.profiles.gsic.symbols import (
    LOG_SCALE_EXPONENT,
    MARGIN_PX,
    QuantisedImage,
    Symbols,
    count_cells,
    make_empty_symbols,
)
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
    grids = [count_cells(header, group) for group in groups.tolist()]
    cells = np.split(symbols.cell, np.cumsum(counts)[:-1])
    keys = [
        cell[:, 1] * columns + cell[:, 0] for cell, (columns, _) in zip(cells, grids, strict=True)
    ]
    write_sets(writer, keys, [columns * rows for columns, rows in grids])
    classes, others = split_columns(symbols)
    write_columns(writer, [classes], group_by_position(symbols.position_class))
    write_columns(writer, others, group_by_amplitude(symbols.amplitude_class))
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
    """Sort the Gaussians by position class, cell in raster order, then all other symbols.

    Gaussians whose amplitudes are all zero draw nothing and are left out. Equal sets of Gaussians
    give equal files.
    """
    header, symbols = image
    symbols = symbols.drop_invisible()
    keys = (
        *symbols.color.T,
        *symbols.log_anisotropy.T,
        symbols.log_scale,
        symbols.amplitude_class,
        symbols.cell[:, 0],
        symbols.cell[:, 1],
        symbols.position_class,
    )
    return QuantisedImage(header, symbols.select(np.lexsort(keys)))


def split_columns(symbols: Symbols) -> tuple[Int64, list[Int64]]:
    """Split symbols into the columns that are coded, less what their contexts predict.

    Returns:
        The column of amplitude classes, whose contexts are the position classes; and the columns of
        log-scale, log-anisotropy and amplitudes, whose contexts are the amplitude classes.
    """
    position, amplitude = symbols.position_class, symbols.amplitude_class
    log_scale = symbols.log_scale - predict_log_scale(position, amplitude)
    classes = amplitude - predict_amplitude_class(position)
    return classes, [log_scale, *symbols.log_anisotropy.T, *symbols.color.T]


def predict_amplitude_class(position_class: Int64) -> Int64:
    """Predict the amplitude class in a position class: that of a Gaussian of 4 px."""
    return np.maximum(position_class + EXPECTED_CLASS, 0)


def predict_log_scale(position_class: Int64, amplitude_class: Int64) -> Int64:
    """Predict the log-scale symbol from the classes: cells are about sigma times 2^-A wide."""
    octaves = 2 * (amplitude_class - position_class)
    return octaves << np.maximum(amplitude_class - LOG_SCALE_EXPONENT, 0)


def group_by_position(position_class: Int64) -> Contexts:
    """Group rows by their position class."""
    return Contexts(position_class, least=LEAST_GROUP)


def group_by_amplitude(amplitude_class: Int64) -> Contexts:
    """Group rows by their amplitude class."""
    # The steps of shapes halve from class to class, and amplitudes are about 2^A.
    return Contexts(amplitude_class, least=LEAST_GROUP, doubling=True)
