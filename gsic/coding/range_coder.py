"""One range-coded payload: arrays of symbols in, bytes out, and back, in the same order.

The numbers are those of FORMAT.md section 9.2; the coder that does the arithmetic is
constriction's, with the tables of `gsic.coding.ans`.
"""

from typing import Any

import constriction
import numpy as np
import numpy.typing as npt

from gsic.coding.ans import PRECISION, TOTAL, Int64Array, Model, Uniform
from gsic.errors import CorruptFile

RAW_BITS = 16
"""Widest raw field."""

# The coder's state is wider than what it has written.
_SLACK_BITS = 64


def table_of_counts(counts: Int64Array) -> Model:
    """Return the table of symbols 0.. that occur so many times.

    Args:
        counts: int64 (n,), n >= 2, each at least 1, below 2^31.
    """
    frequencies = 1 + counts * (TOTAL - len(counts)) // counts.sum()
    frequencies[0] += TOTAL - frequencies.sum()
    return Model(frequencies)


class RangeWriter:
    """Codes arrays one after the other; `finish` returns the payload."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def symbols(self, values: npt.NDArray[Any], model: Model) -> None:
        """Append an array of symbols that share one model.

        Args:
            values: integers (n,), each within the model's alphabet.
            model: the frequency table.

        Raises:
            ValueError: a value outside the alphabet.
        """
        self._append(values, model.lowest, model.highest, model.coder_model)

    def raw(self, values: npt.NDArray[Any], width: int) -> None:
        """Append an array of raw bit fields.

        Args:
            values: integers (n,), each in 0..2^width - 1.
            width: bits of each, 1..RAW_BITS.

        Raises:
            ValueError: a value out of range.
        """
        self._append(values, 0, (1 << width) - 1, Uniform(1 << width))

    def gamma(self, values: npt.NDArray[Any]) -> None:
        """Append an array of integers 0..2^RAW_BITS - 2, short where they are small."""
        for value in np.asarray(values).tolist():
            exponent = (value + 1).bit_length() - 1
            self.raw(np.array([1] * exponent + [0]), 1)
            if exponent:
                self.raw(np.array([value + 1 - (1 << exponent)]), exponent)

    def finish(self) -> bytes:
        """Return the payload."""
        return bytes(self._coder.get_compressed().astype("<u4").tobytes())

    def _append(self, values: npt.NDArray[Any], lowest: int, highest: int, model: Any) -> None:
        values = np.asarray(values, np.int64)
        if values.size == 0:
            return
        if values.min() < lowest or values.max() > highest:
            raise ValueError(f"{values.min()}..{values.max()} outside {lowest}..{highest}")
        self._coder.encode((values - lowest).astype(np.int32), model)


class RangeReader:
    """Reads back what a `RangeWriter` wrote, array by array.

    Args:
        payload: the writer's bytes.

    Raises:
        CorruptFile: no writer can have made these bytes. So do all methods when the payload
            cannot hold what they are asked for; garbage that decodes is found by `finish`.
    """

    def __init__(self, payload: bytes) -> None:
        if len(payload) % 4:
            raise CorruptFile(f"payload: {len(payload)} bytes are not whole words")
        words = np.frombuffer(payload, "<u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)
        self._payload = payload
        self._again = RangeWriter()
        self._budget = (8 * len(payload) + _SLACK_BITS) << PRECISION

    def symbols(self, model: Model, count: int) -> Int64Array:
        """Return the next `count` symbols of one model, int64 (count,)."""
        values = self._decode(model.coder_model, count, model.least_cost) + model.lowest
        self._again.symbols(values, model)
        return values

    def raw(self, width: int, count: int) -> Int64Array:
        """Return the next `count` raw fields of `width` bits, int64 (count,)."""
        values = self._decode(Uniform(1 << width), count, width << PRECISION)
        self._again.raw(values, width)
        return values

    def gamma(self, count: int) -> Int64Array:
        """Return what `RangeWriter.gamma` wrote, int64 (count,)."""
        values = []
        for _ in range(count):
            exponent = 0
            while self.raw(1, 1)[0]:
                exponent += 1
                if exponent >= RAW_BITS:
                    raise CorruptFile(f"payload: an integer of more than {RAW_BITS} bits")
            low = int(self.raw(exponent, 1)[0]) if exponent else 0
            values.append((1 << exponent) - 1 + low)
        return np.array(values, np.int64)

    def finish(self) -> None:
        """Check that the payload is exactly what a writer makes of what was read.

        Raises:
            CorruptFile: it is not.
        """
        if self._again.finish() != self._payload:
            raise CorruptFile("payload: its symbols do not end where its bytes do")

    def _decode(self, coder_model: Any, count: int, least_cost: int) -> Int64Array:
        self._budget -= count * least_cost
        if count < 0 or self._budget < 0:
            raise CorruptFile(f"payload: {count} symbols are more than its bytes can hold")
        try:
            decoded: Int64Array = self._coder.decode(coder_model, count).astype(np.int64)
        except (ValueError, AssertionError, OverflowError) as error:
            raise CorruptFile(f"payload: {error}") from error
        return decoded
