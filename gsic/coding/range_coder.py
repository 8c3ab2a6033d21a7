"""Writer and reader of a range-coded payload: arrays of symbols to bytes, and back.

A range coder is a queue: it decodes in the order of encoding. The numbers are those of FORMAT.md
section 9.2; the arithmetic is constriction's, with the models of `gsic.coding.models`.
"""

from typing import Any

import constriction
import numpy as np
import numpy.typing as npt

from gsic.arrays import Int64
from gsic.coding.models import PRECISION, TOTAL, Model, Uniform
from gsic.errors import CorruptFile

RAW_BITS = 16
"""Bits of the widest raw field."""

# The coder's state holds more bits than it has written.
_SLACK_BITS = 64


def build_model_from_counts(counts: Int64) -> Model:
    """Build the model of the symbols 0..n - 1 from how often each occurs.

    Args:
        counts: int64 (n,), n >= 2, each at least 1, below 2^31.
    """
    frequencies = 1 + counts * (TOTAL - len(counts)) // counts.sum()
    frequencies[0] += TOTAL - frequencies.sum()
    return Model(frequencies)


class RangeWriter:
    """Encodes arrays one after the other; `finish` returns the payload."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def write_symbols(self, values: npt.NDArray[Any], model: Model) -> None:
        """Append an array of symbols that share one model.

        Args:
            values: integers (n,), each within the model's alphabet.
            model: the frequency table.

        Raises:
            ValueError: a value is outside the alphabet.
        """
        self._append(values, model.lowest, model.highest, model.coder_model)

    def write_raw(self, values: npt.NDArray[Any], width: int) -> None:
        """Append an array of raw bit fields.

        Args:
            values: integers (n,), each in 0..2^width - 1.
            width: bits of each, 1..RAW_BITS.

        Raises:
            ValueError: a value is out of range.
        """
        self._append(values, 0, (1 << width) - 1, Uniform(1 << width))

    def write_exp_golomb(self, values: npt.NDArray[Any]) -> None:
        """Append integers in an Exp-Golomb code: a unary exponent of value + 1, then its low bits.

        Args:
            values: integers (n,), each in 0..2^RAW_BITS - 2.
        """
        for value in np.asarray(values).tolist():
            exponent = (value + 1).bit_length() - 1
            self.write_raw(np.array([1] * exponent + [0]), 1)
            if exponent:
                self.write_raw(np.array([value + 1 - (1 << exponent)]), exponent)

    def finish(self) -> bytes:
        """Return the payload of everything that was appended."""
        return bytes(self._coder.get_compressed().astype("<u4").tobytes())

    def _append(self, values: npt.NDArray[Any], lowest: int, highest: int, model: Any) -> None:
        values = np.asarray(values, np.int64)
        if values.size == 0:
            return
        if values.min() < lowest or values.max() > highest:
            raise ValueError(f"{values.min()}..{values.max()} outside {lowest}..{highest}")
        self._coder.encode((values - lowest).astype(np.int32), model)


class RangeReader:
    """Reads what a `RangeWriter` wrote, array by array, in the same order.

    Args:
        payload: the writer's bytes.

    Raises:
        CorruptFile: no writer can have made these bytes. All methods raise it too when the payload
            cannot hold what they are asked for. Garbage that decodes is found by `finish`.
    """

    def __init__(self, payload: bytes) -> None:
        if len(payload) % 4:
            raise CorruptFile(f"payload: {len(payload)} bytes are not whole words")
        words = np.frombuffer(payload, "<u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)
        self._payload = payload
        # A range decoder cannot tell where the payload ends, so everything is encoded again.
        self._again = RangeWriter()
        self._budget = (8 * len(payload) + _SLACK_BITS) << PRECISION

    def read_symbols(self, model: Model, count: int) -> Int64:
        """Read `count` symbols of one model, int64 (count,)."""
        values = self._decode(model.coder_model, count, model.least_cost) + model.lowest
        self._again.write_symbols(values, model)
        return values

    def read_raw(self, width: int, count: int) -> Int64:
        """Read `count` raw fields of `width` bits, 1..RAW_BITS, as int64 (count,)."""
        values = self._decode(Uniform(1 << width), count, width << PRECISION)
        self._again.write_raw(values, width)
        return values

    def read_exp_golomb(self, count: int) -> Int64:
        """Read `count` integers that `RangeWriter.write_exp_golomb` wrote, int64 (count,)."""
        values = []
        for _ in range(count):
            exponent = 0
            while self.read_raw(1, 1)[0]:
                exponent += 1
                if exponent >= RAW_BITS:
                    raise CorruptFile(f"payload: an integer of more than {RAW_BITS} bits")
            low = int(self.read_raw(exponent, 1)[0]) if exponent else 0
            values.append((1 << exponent) - 1 + low)
        return np.array(values, np.int64)

    def finish(self) -> None:
        """Check that a writer makes exactly this payload of what was read.

        Raises:
            CorruptFile: it is not.
        """
        if self._again.finish() != self._payload:
            raise CorruptFile("payload: its symbols do not end where its bytes do")

    def _decode(self, coder_model: Any, count: int, least_cost: int) -> Int64:
        self._budget -= count * least_cost
        if count < 0 or self._budget < 0:
            raise CorruptFile(f"payload: {count} symbols are more than its bytes can hold")
        try:
            decoded: Int64 = self._coder.decode(coder_model, count).astype(np.int64)
        except (ValueError, AssertionError, OverflowError) as error:
            raise CorruptFile(f"payload: {error}") from error
        return decoded
