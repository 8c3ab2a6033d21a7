"""Writer and reader of an ANS payload: arrays of symbols to bytes, and back.

An ANS coder is a stack: the symbol that is decoded first must be encoded last. `SymbolWriter` hides
that. It collects arrays in the order in which they will be decoded, and encodes them backwards when
it finishes. The numbers (sizes of word and state, precision, how the final state is stored) are
those of FORMAT.md section 3. The encoder is constriction's; the decoder is a kernel of our own,
because it decodes many short arrays in one call.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import constriction
import numpy as np
import numpy.typing as npt

from gsic.arrays import Int32, Int64, UInt32, UInt64
from gsic.coding.models import PRECISION, TOTAL, Model, Tables, Uniform
from gsic.errors import CorruptFile
from gsic_kernels.cpu.ans import decoder, layout

RAW_CHUNK = layout.RAW_CHUNK
"""Raw fields wider than this many bits are split into chunks, lowest bits first."""

# A symbol of frequency f takes at least (2^24 - f) / 2^24 bits, so the bytes present bound how many
# symbols they can carry. The slack covers rounding in the coder.
_SLACK_BITS = 64

# So few symbols need no check against the payload before their memory is allocated.
_FEW_SYMBOLS = 1 << 16

# The least code length of a symbol of any table that parameters choose, in units of 2^-24 bit.
_LEAST_COST = TOTAL // 200

_TOO_MANY = "{} symbols are more than its bytes can hold"

_MESSAGES = {
    layout.TOO_MANY: _TOO_MANY,
    layout.OUT_OF_RANGE: "a value out of range",
    layout.WIDE_GAP: "a gap beyond the last cell",
    layout.HIGH_KEY: "a key of a set beyond its {} cells",
    layout.NEGATIVE: "a negative magnitude",
    layout.BAD_SHARE: "a share of positive values out of range",
    layout.BAD_SCALE: "a scale outside 0..63",
    layout.BAD_CENTRE: "a centre out of range",
    layout.HIGH_SCALE: "scale {} of a set",
}

AnsCoder = constriction.stream.stack.AnsCoder


def new_coder() -> Any:
    """Create a coder in its initial state, 2^24."""
    # From 2^24 on every symbol enlarges the state, so a reader that takes more or fewer symbols
    # than were written does not end there. From state 0 the first symbols of a run could cost
    # nothing, and reading past the end would go unnoticed.
    return AnsCoder(np.array([TOTAL], np.uint32))


def save_coder(coder: Any) -> bytes:
    """Convert the words and the state of a coder to the bytes of a payload."""
    return bytes(coder.get_compressed().astype("<u4").tobytes()).rstrip(b"\0")


def load_coder(payload: bytes) -> Any:
    """Create a coder from the bytes that `save_coder` returned.

    Raises:
        CorruptFile: the last byte is zero or missing.
    """
    return AnsCoder(_split_words(payload))


def check_finished(coder: Any) -> None:
    """Check that a coder is back in its initial state.

    Raises:
        CorruptFile: it is not.
    """
    words = coder.get_compressed()
    if len(words) != 1 or words[0] != TOTAL:
        raise _not_at_its_end()


class SymbolWriter:
    """Collects arrays in decode order; `finish` encodes them."""

    def __init__(self) -> None:
        self._streams: list[tuple[Int32, Any]] = []

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
        shifted = (values.astype(np.int64) - model.lowest).astype(np.int32)
        self._streams.append((shifted, model.coder_model))

    def write_raw(self, values: npt.NDArray[Any], width: int) -> None:
        """Append an array of raw bit fields.

        Args:
            values: integers (n,), each in 0..2^width - 1.
            width: bits of each, 0..64.

        Raises:
            ValueError: a value or the width is out of range.
        """
        if not 0 <= width <= 64:
            raise ValueError(f"raw fields are 0 to 64 bits wide, got {width}")
        values = np.asarray(values)
        if values.size == 0:
            return
        if values.min() < 0 or int(values.max()).bit_length() > width:
            raise ValueError(
                f"raw fields of {width} bits cannot hold {values.min()}..{values.max()}"
            )
        fields = values.astype(np.uint64)
        for shift in range(0, width, RAW_CHUNK):
            bits = min(RAW_CHUNK, width - shift)
            chunk = (fields >> np.uint64(shift)) & np.uint64((1 << bits) - 1)
            self._streams.append((chunk.astype(np.int32), _make_uniform(bits)))

    def finish(self) -> bytes:
        """Encode everything that was appended, and return the payload."""
        coder = new_coder()
        for values, coder_model in reversed(self._streams):
            coder.encode_reverse(values, coder_model)
        return save_coder(coder)


class SymbolReader:
    """Reads what a `SymbolWriter` wrote, array by array, in the same order.

    Args:
        payload: the writer's bytes.

    Raises:
        CorruptFile: no writer can have made these bytes. All methods raise it too when the payload
            cannot hold what they are asked for. Garbage that decodes is found by `finish`.
    """

    def __init__(self, payload: bytes) -> None:
        self._words = _split_words(payload)
        stack = self._words[-2:].tolist()
        state = stack[0] | stack[1] << 32 if len(stack) == 2 else stack[0]
        room = (8 * len(payload) + _SLACK_BITS) << PRECISION
        left = len(self._words) - len(stack)
        self._coder = np.array([state, left, room, 0], np.uint64)

    def read_values(self, tables: Tables, sizes: Sequence[int], bound: int = 1 << 62) -> Int64:
        """Read groups of values: first all symbols, then the excess of escapes, then low bits.

        Args:
            tables: one per group.
            sizes: number of values of each group.
            bound: at most 2^62; magnitudes before low bits must be less.

        Returns:
            int64 (sum of sizes,).

        Raises:
            CorruptFile: a magnitude is at or above `bound`.
        """
        rows = tables.rows.copy()
        count = sum(sizes)
        if count > _FEW_SYMBOLS or count < 0:
            self._check_groups(sizes, rows)
        rows[:, layout.SIZE] = sizes
        out = np.empty(count, np.int64)
        self.call_kernel(decoder.read_values, tables.starts, rows, np.arange(count), bound, out)
        return out

    def call_kernel(self, function: Callable[..., int], *arguments: Any) -> None:
        """Call a function of `gsic_kernels.cpu.ans.decoder` that reads from this payload.

        Args:
            function: takes the words and the coder first, and returns a status.
            arguments: its other arguments.

        Raises:
            CorruptFile: the status is not OK.
        """
        status = function(self._words, self._coder, *arguments)
        if status != layout.OK:
            detail = int(self._coder[layout.DETAIL])
            raise CorruptFile(f"payload: {_MESSAGES[status].format(detail)}")

    def check_room(self, count: int) -> None:
        """Check that the payload can hold symbols, before memory for them is allocated.

        Args:
            count: number of symbols, of tables that parameters choose.

        Raises:
            CorruptFile: it cannot.
        """
        if count * _LEAST_COST > int(self._coder[layout.ROOM]):
            raise _too_many(count)

    def _check_groups(self, sizes: Sequence[int], rows: Int64) -> None:
        """Check that the payload can hold groups, before memory for them is allocated."""
        costs = rows[:, layout.LEAST_COST] + (rows[:, layout.LOW_BITS] << PRECISION)
        room = int(self._coder[layout.ROOM])
        # Integers of Python, because these products may exceed 64 bits.
        for size, cost in zip(sizes, costs.tolist(), strict=True):
            room -= size * cost
            if size < 0 or room < 0:
                raise _too_many(size)

    def read_symbols(self, model: Model, count: int) -> Int64:
        """Read `count` symbols of one model, int64 (count,); escapes stand for themselves."""
        starts, rows = model.tables
        rows = rows.copy()
        rows[:, layout.ESCAPE] = -1
        return self.read_values(Tables(starts, rows), [count])

    def read_raw(self, width: int, count: int) -> UInt64:
        """Read `count` raw fields of `width` bits, 0..64, as uint64 (count,)."""
        return self.read_values(Tables.from_widths([width]), [count]).view(np.uint64)

    def read_raw_int64(self, width: int, count: int) -> Int64:
        """Read `count` raw fields of `width` bits, 0..63, as int64 (count,)."""
        return self.read_raw(width, count).view(np.int64)

    def finish(self) -> None:
        """Check that exactly everything was read.

        Raises:
            CorruptFile: it was not.
        """
        if self._coder[layout.STATE] != TOTAL or self._coder[layout.LEFT]:
            raise _not_at_its_end()


@lru_cache(maxsize=RAW_CHUNK)
def _make_uniform(width: int) -> Any:
    return Uniform(1 << width)


def _split_words(payload: bytes) -> UInt32:
    """Split a payload into words; the top of the stack comes last."""
    if not payload or payload[-1] == 0:
        raise CorruptFile("payload: it must end in a non-zero byte")
    return np.frombuffer(payload + bytes(-len(payload) % 4), "<u4").astype(np.uint32)


def _too_many(count: int) -> CorruptFile:
    return CorruptFile(f"payload: {_TOO_MANY.format(count)}")


def _not_at_its_end() -> CorruptFile:
    return CorruptFile("payload: its symbols do not end where its bytes do")
