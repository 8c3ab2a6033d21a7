"""Profile `gaussianimage`: integers <-> bytes. FORMAT.md section 8.2 is normative.

Bit-packed, each symbol takes a fixed number of bits. With ANS, shapes and colours have a histogram
each. With bits-back, the Gaussians are coded as a set, and their order costs nothing (eq. 11 to 13
of the paper).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.coding import bits_back
from gsic.coding.bit_packing import pack_bits, unpack_bits
from gsic.coding.models import TOTAL, CoderModel, Model, UniformModel
from gsic.coding.stack import check_finished, load_coder, new_coder, save_coder
from gsic.container import Container
from gsic.errors import CorruptFile
from gsic.profiles.gaussianimage.parameters import Parameters, read_parameters, write_parameters
from gsic.profiles.gaussianimage.symbols import POSITION_BITS, QuantisedImage


def write(image: QuantisedImage) -> tuple[bytes, bytes]:
    """Return the parameter bytes and the payload of an image.

    Raises:
        ValueError: a symbol out of range; fewer plain Gaussians than there are repeated ones.
    """
    image = canonicalise(image)
    histograms = _count_symbols(image)
    if image.plain is not None:
        models = _make_models(image, histograms)
        payload = bits_back.encode(image.rows.astype(np.int32), models, image.plain)
    elif image.coding == "packed":
        payload = pack_bits(
            [
                (image.position.astype(np.int64).ravel(), POSITION_BITS),
                (image.shape.ravel(), image.shape_quantiser.bits),
                (image.color.ravel(), image.color_quantiser.bits),
            ]
        )
    else:
        coder = new_coder()
        # Backwards, because it is a stack.
        for column, model in reversed(
            list(zip(image.rows.T, _make_models(image, histograms), strict=True))
        ):
            coder.encode_reverse(column.astype(np.int32), model.coder_model)
        payload = save_coder(coder)
    return write_parameters(Parameters(len(image), image, histograms)), payload


def read(file: Container) -> QuantisedImage:
    """Return the image that `write` wrote; its Gaussians are in the order of the file.

    Raises:
        CorruptFile: no encoder can have made the parameters and the payload.
    """
    count, image, histograms = read_parameters(file)
    stages = image.color.shape[1]
    if image.plain is not None:
        models = _make_models(image, histograms)
        rows = bits_back.decode(file.payload, models, count, image.plain).astype(np.int64)
        position, shape, color = rows[:, :2], rows[:, 2:5], rows[:, 5:]
    elif image.coding == "packed":
        sizes = (
            (2 * count, POSITION_BITS),
            (3 * count, image.shape_quantiser.bits),
            (stages * count, image.color_quantiser.bits),
        )
        position, shape, color = (
            array.reshape(count, -1) for array in unpack_bits(file.payload, list(sizes), "payload")
        )
    else:
        coder = load_coder(file.payload)
        models = _make_models(image, histograms)
        columns = [coder.decode(model.coder_model, count) for model in models]
        check_finished(coder)
        rows = np.stack(columns, axis=1).astype(np.int64)
        position, shape, color = rows[:, :2], rows[:, 2:5], rows[:, 5:]
    halves = position.astype(np.uint16)
    if not np.isfinite(halves.view(np.float16)).all():
        raise CorruptFile("payload: a position that is not finite")
    if color.max(initial=0) >= image.color_alphabet:
        raise CorruptFile("payload: an index beyond its codebook")
    return replace(image, position=halves, shape=shape, color=color)


def canonicalise(image: QuantisedImage) -> QuantisedImage:
    """Sort the Gaussians by all their symbols; equal sets of Gaussians give equal files."""
    return image.select(np.lexsort(image.rows.T[::-1]))


def choose_bits_back(image: QuantisedImage, strategy: str) -> QuantisedImage:
    """Choose how many Gaussians are coded plainly, before bits-back begins.

    Args:
        image: Gaussians.
        strategy: "none", no bits-back; "partial", as many plain Gaussians as hold the bits that the
            others take from them (eq. 13); "full", one plain Gaussian.

    Returns:
        The image with the field `plain` set.
    """
    if strategy == "none":
        return replace(image, plain=None)
    rows = bits_back.order_rows(image.rows.tolist())
    repeated = len(rows) - len(set(rows))
    plain = 1
    if strategy == "partial":
        plain = bits_back.count_plain_rows(
            compute_row_bits(image, np.array(rows, np.int64)).tolist()
        )
    return replace(image, plain=max(plain, repeated, 1))


def compute_row_bits(image: QuantisedImage, rows: Int64) -> Float64:
    """Compute the code lengths of Gaussians in the tables of an image.

    Args:
        image: gives the tables.
        rows: int64 (N, 5 + S), all symbols of each Gaussian.

    Returns:
        Bits, float64 (N,).
    """
    histograms = _count_symbols(image)
    if not histograms:
        return np.full(len(rows), float(image.gaussian_bits))
    shape, color = (make_table(histogram).code_lengths for histogram in histograms)
    bits: Float64 = shape[rows[:, 2:5]].sum(axis=1) + color[rows[:, 5:]].sum(axis=1)
    return bits + 2.0 * POSITION_BITS


def make_table(histogram: Int64) -> Model:
    """Make the table of a histogram: frequencies in proportion to the counts, none of them 0."""
    total, size = int(histogram.sum()), len(histogram)
    table = 1 + histogram * (TOTAL - size) // total
    table[histogram.argmax()] += TOTAL - table.sum()
    return Model(table)


def _make_models(image: QuantisedImage, histograms: tuple[Int64, ...]) -> list[CoderModel]:
    """Make the model of each of the 5 + S symbols of a Gaussian."""
    half = UniformModel(1 << POSITION_BITS)
    shape: CoderModel
    color: CoderModel
    if histograms:
        shape, color = (make_table(histogram) for histogram in histograms)
    else:
        shape = UniformModel(1 << image.shape_quantiser.bits)
        color = UniformModel(1 << image.color_quantiser.bits)
    return [half, half, *[shape] * 3, *[color] * image.color.shape[1]]


def _count_symbols(image: QuantisedImage) -> tuple[Int64, ...]:
    """Count the symbols of shapes and of colours, for images that are written with histograms."""
    if image.coding == "packed":
        return ()
    return (
        np.bincount(image.shape.ravel(), minlength=1 << image.shape_quantiser.bits),
        np.bincount(image.color.ravel(), minlength=image.color_alphabet),
    )
