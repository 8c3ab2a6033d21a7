"""Writer and reader of ANS payloads: arrays of symbols and of raw bits to bytes, and back.

An ANS coder is a stack: what is decoded first must be encoded last. `SymbolWriter` hides that. It
collects arrays in the order in which they will be decoded, and encodes them backwards when it
finishes. The numbers (sizes of word and state, precision, how the states are stored) are those of
FORMAT.md section 3.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from gsic.arrays import Int32, Int64, UInt32
from gsic.coding.bit_packing import pack_bits
from gsic.coding.models import Model
from gsic.coding.tables import build_curves
from gsic.errors import CorruptFile
from gsic_kernels.cpu.ans import coder, layout
from gsic_kernels.types import SHAPE_ROWS

_WORD_BYTES = 4

_MESSAGES = {
    layout.TOO_MANY: "{} symbols are more than its bytes can hold",
    layout.OUT_OF_RANGE: "a value out of range",
    layout.WIDE_GAP: "a gap beyond the last cell",
    layout.HIGH_KEY: "a key of a set beyond its {} cells",
    layout.NEGATIVE: "a negative magnitude",
    layout.BAD_SHARE: "a share of positive values out of range",
    layout.BAD_SCALE: "a scale outside 0..63",
    layout.BAD_CENTRE: "a centre out of range",
    layout.HIGH_SCALE: "scale {} of a set",
    layout.BAD_CLASS: "an amplitude class out of range",
    layout.BAD_END: "its symbols do not end where its bytes do",
}


class SymbolWriter:
    """Collects arrays in decode order; `finish` encodes them."""

    def __init__(self) -> None:
        # As `coder.encode` takes them.
        self._numbers: list[Int64] = []

    def write_symbols(self, values: npt.NDArray[Any], model: Model) -> None:
        """Append an array of symbols that share one model.

        Args:
            values: integers (n,), each within the model's alphabet.
            model: the frequency table.

        Raises:
            ValueError: a value is outside the alphabet.
        """
        values = np.asarray(values)
        if values.size == 0:
            return
        if values.min() < model.lowest or values.max() > model.highest:
            raise ValueError(
                f"symbols {values.min()}..{values.max()} outside the model's "
                f"{model.lowest}..{model.highest}"
            )
        index = values.astype(np.int64) - model.lowest
        self._numbers.append(np.stack((model.frequencies[index], model.starts[index]), axis=1))

    def write_raw(self, values: npt.NDArray[Any], width: int) -> None:
        """Append an array of raw bit fields.

        Args:
            values: integers (n,), each in 0..2^width - 1.
            width: bits of each, 0..32.

        Raises:
            ValueError: a value or the width is out of range.
        """
        if not 0 <= width <= layout.CHUNK_BITS:
            raise ValueError(f"raw fields are 0 to {layout.CHUNK_BITS} bits wide, got {width}")
        values = np.asarray(values, np.int64)
        bits = values.size * width
        if values.size and (values.min() < 0 or int(values.max()).bit_length() > width):
            raise ValueError(
                f"raw fields of {width} bits cannot hold {values.min()}..{values.max()}"
            )
        if bits == 0:
            return
        packed = pack_bits([(values, width)])
        chunks = np.frombuffer(packed + bytes(-len(packed) % _WORD_BYTES), "<u4")
        widths = np.full(len(chunks), layout.CHUNK_BITS)
        widths[-1] -= -bits % layout.CHUNK_BITS
        self._numbers.append(np.stack((-widths, chunks.astype(np.int64)), axis=1))

    def write_fields(self, values: Int64, widths: Int64) -> None:
        """Append raw bit fields of different widths, without gaps.

        Args:
            values: int64 (n,), each in 0..2^width - 1.
            widths: int64 (n,), bits of each, 0 or more.
        """
        ends = np.cumsum(widths)
        places = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - widths, widths)
        self.write_raw((np.repeat(values, widths) >> places) & 1, 1)

    def finish(self, states: int = 1) -> bytes:
        """Encode everything that was appended, and return the payload.

        Args:
            states: how many states take turns, 1 to 4.
        """
        numbers = np.concatenate([np.empty((0, 2), np.int64), *self._numbers])
        words = coder.encode(numbers, states)
        return words.astype(">u4").tobytes().lstrip(b"\0")


def count_states(gaussians: int) -> int:
    """Count the states of the payload of an image of profile `gsic`."""
    if gaussians < layout.TWO_STATES_FROM:
        return 1
    return 2 if gaussians < layout.FOUR_STATES_FROM else layout.MAX_STATES


def read_image(payload: bytes, classes: Int64, size: tuple[int, int], channels: int) -> Int32:
    """Read the Gaussians of an image of profile `gsic`.

    Args:
        payload: the writer's bytes.
        classes: int64 (G, 2), the position classes that occur, ascending, and how many Gaussians
            each has, 1 or more. The parameters of a file say that a payload of this size may hold
            so many.
        size: width and height in px of what cells divide.
        channels: amplitudes of a Gaussian.

    Returns:
        int32 (7 + channels, N), the rows of `LogSymbols`.

    Raises:
        CorruptFile: no writer can have made these bytes.
    """
    words = _split_words(payload)
    rows = np.empty((SHAPE_ROWS + channels, sum(classes[:, 1].tolist())), np.int32)
    status, detail = coder.read_image(words, classes, size, build_curves(), rows)
    if status != layout.OK:
        raise CorruptFile(f"payload: {_MESSAGES[status].format(detail)}")
    return rows


def _split_words(payload: bytes) -> UInt32:
    """Split a payload into words in the order of decoding, and append one word."""
    if not payload or payload[0] == 0:
        raise CorruptFile("payload: it must begin with a non-zero byte")
    padded = bytes(-len(payload) % _WORD_BYTES) + payload + bytes(_WORD_BYTES)
    return np.frombuffer(padded, ">u4").astype(np.uint32)
