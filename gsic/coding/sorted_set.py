"""Sets of integers below a bound, coded as gaps between neighbours in ascending order.

The order of a set carries no information, and sorting is how not to pay for it: N uniformly random
keys below M cost close to log2(M^N / N!) bits. FORMAT.md section 6 is normative.
"""

import numpy as np
import numpy.typing as npt

from gsic.coding import models
from gsic.coding.ans import SymbolReader, SymbolWriter
from gsic.coding.values import read_escaped, write_escaped
from gsic.errors import CorruptFile

UInt64Array = npt.NDArray[np.uint64]

MAX_CELLS = 1 << 60
"""Keys are below this."""

# The quotients of gaps by 2^low_bits have a mean of 2^_MEAN_BITS to twice that.
_MEAN_BITS = 3


def write(writer: SymbolWriter, keys: npt.NDArray[np.integer], cells: int) -> None:
    """Append a set; nothing is written for an empty one.

    Args:
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
    fitted = models.fit(quotients) if int(quotients.max()) < 1 << 30 else expected
    if models.shift(models.split(fitted)[1]):
        fitted = expected
    gain = models.one_sided(expected).cost_bits(
        np.minimum(quotients, models.one_sided(expected).highest)
    ) - models.one_sided(fitted).cost_bits(np.minimum(quotients, models.one_sided(fitted).highest))
    own = gain > models.PARAMETER_BITS
    writer.raw(np.array([own]), 1)
    if own:
        writer.raw(np.array([fitted]), models.PARAMETER_BITS)
    write_escaped(writer, quotients, models.one_sided(fitted if own else expected))
    writer.raw(gaps & ((1 << low_bits) - 1), low_bits)


def read(reader: SymbolReader, count: int, cells: int) -> UInt64Array:
    """Return the next set, uint64 (count,), ascending.

    Args:
        count: how many keys it has.
        cells: their bound, 1..2^60.

    Raises:
        CorruptFile: a key at or above `cells`, or more keys than the payload can hold.
    """
    if count == 0:
        return np.empty(0, np.uint64)
    low_bits, parameters = _plan(count, cells)
    if int(reader.raw(1, 1)[0]):
        parameters = int(reader.raw(models.PARAMETER_BITS, 1)[0])
        if models.shift(models.split(parameters)[1]):
            raise CorruptFile("payload: gap parameters out of range")
    quotients = read_escaped(reader, models.one_sided(parameters), count).astype(np.uint64)
    if int(quotients.max()) > cells >> low_bits:
        raise CorruptFile(f"payload: a key is not below {cells}")
    gaps = (quotients << np.uint64(low_bits)) + reader.raw(low_bits, count)
    # Each gap is below 2^62, so the first sum to pass `cells` cannot have wrapped around.
    keys = np.cumsum(gaps, dtype=np.uint64)
    if int(keys.max()) >= cells:
        raise CorruptFile(f"payload: a key is not below {cells}")
    return keys


def _plan(count: int, cells: int) -> tuple[int, int]:
    """(raw low bits of a gap, parameters of the quotients) of a uniformly random set."""
    low_bits = max(0, (cells // count).bit_length() - 1 - _MEAN_BITS)
    # A gap stops in each step of 2^low_bits cells with this chance, in 2^-32.
    chance = (count << low_bits << 32) // ((count << low_bits) + cells)
    zero = min(63, chance >> 26)
    decay = min(range(8 * (models.LAST_OCTAVE + 1)), key=lambda d: abs(models.stop(d) - chance))
    return low_bits, models.pack(zero, decay, 0)
