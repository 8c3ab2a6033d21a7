"""Sets of integers below a bound, coded as gaps between neighbours in ascending order.

The order of a set carries no information, and sorting is how not to pay for it: N uniformly random
keys below M cost close to log2(M^N / N!) bits. FORMAT.md section 6 is normative.
"""

import numpy as np
import numpy.typing as npt

from gsic.coding import fitting, models
from gsic.coding.ans import Int64Array, Model, SymbolReader, SymbolWriter
from gsic.coding.streams import read_escaped, write_escaped
from gsic.errors import CorruptFile

MAX_CELLS = 1 << 60
"""Keys are below this."""

# Quotients of gaps by 2^low_bits have a mean of 2^_MEAN_BITS to twice that.
_MEAN_BITS = 3

_SCALE_BITS = 5


def write(writer: SymbolWriter, keys: npt.NDArray[np.integer], cells: int) -> None:
    """Append a set; nothing is written for an empty one.

    Args:
        writer: where to.
        keys: integers (n,), ascending, equal neighbours allowed, each in 0..cells - 1.
        cells: 1..2^60.

    Raises:
        ValueError: keys out of range or out of order.
    """
    keys = np.asarray(keys).astype(np.int64)
    if keys.size == 0:
        return
    gaps = np.diff(keys, prepend=0)
    if keys[0] < 0 or keys[-1] >= cells or gaps.min() < 0 or cells > MAX_CELLS:
        raise ValueError(f"a sorted set needs ascending keys in 0..{cells - 1}")
    low_bits, expected = _plan(len(keys), cells)
    quotients = gaps >> low_bits
    shape, scale = models.Shape(), expected
    own_shape, own_scale, gain = fitting.fit_one(quotients, shape, scale)
    own = gain > models.SHAPE_BITS + _SCALE_BITS
    if own:
        shape, scale = own_shape, own_scale
    writer.raw(np.array([own]), 1)
    if own:
        writer.raw(np.array([models.packed(shape)]), models.SHAPE_BITS)
        writer.raw(np.array([scale]), _SCALE_BITS)
    write_escaped(writer, [quotients], [_table(scale, shape)])
    writer.raw(gaps & ((1 << low_bits) - 1), low_bits)


def read(reader: SymbolReader, count: int, cells: int) -> Int64Array:
    """Return the next set, int64 (count,), ascending.

    Args:
        reader: where it is.
        count: how many keys it has.
        cells: their bound, 1..2^60.

    Raises:
        CorruptFile: a key at or above `cells`, or more keys than the payload can hold.
    """
    if count == 0:
        return np.empty(0, np.int64)
    low_bits, scale = _plan(count, cells)
    shape = models.Shape()
    if int(reader.raw(1, 1)[0]):
        shape = models.unpacked(int(reader.raw(models.SHAPE_BITS, 1)[0]))
        scale = int(reader.raw(_SCALE_BITS, 1)[0])
    # No quotient above cells >> low_bits belongs to a key below `cells`.
    quotients = read_escaped(reader, [count], [_table(scale, shape)], (cells >> low_bits) + 1)
    gaps = quotients << low_bits
    gaps += reader.raw(low_bits, count).astype(np.int64)
    # Each gap is below 2^61, so the first sum to reach `cells` cannot have wrapped around.
    keys = np.cumsum(gaps)
    if int(keys.max()) >= cells or int(keys.min()) < 0:
        raise CorruptFile(f"payload: a key outside 0..{cells - 1}")
    return keys


def _table(scale: int, shape: models.Shape) -> Model:
    if scale > models.LAST_WHOLE:
        raise CorruptFile(f"payload: scale {scale} of a set, at most {models.LAST_WHOLE}")
    return models.tables((scale,), shape, signed=False)[0]


def _plan(count: int, cells: int) -> tuple[int, int]:
    """(raw low bits of a gap, scale of the quotients) of a uniformly random set."""
    low_bits = max(0, (cells // count).bit_length() - 1 - _MEAN_BITS)
    # The chance that a gap goes no further in each step of 2^low_bits cells, in 2^-32.
    chance = (count << low_bits + 32) // ((count << low_bits) + cells)
    # Scales fall, so the first one at or below the chance is among the two nearest.
    return low_bits, next(
        (scale for scale in range(models.LAST_WHOLE) if models.stop(scale) <= chance),
        models.LAST_WHOLE,
    )
