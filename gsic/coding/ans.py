"""One ANS payload: arrays of symbols in, bytes out, and back.

An ANS coder is a stack, so whoever encodes must push the last symbol first. `SymbolWriter` hides
that: it collects streams in the order in which they will be decoded and pushes them backwards when
it finishes. The numbers (word and state sizes, precision, how the final state is stored) are those
of FORMAT.md section 3. What encodes is constriction; what decodes is a kernel of our own, which
takes many short streams in one call.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol

import constriction
import numpy as np
import numpy.typing as npt

from gsic.errors import CorruptFile
from gsic_kernels.cpu.ans import decoder as decoding

PRECISION = 24
"""Frequencies of a model sum to 2^PRECISION."""

TOTAL = 1 << PRECISION

RAW_CHUNK = 24
"""Raw fields wider than this are split, lowest bits first."""

# A symbol of frequency f costs at least (2^24 - f) / 2^24 bits, so the bytes present bound how many
# symbols they can carry. The slack covers rounding in the coder.
_SLACK_BITS = 64

# So few symbols need no look at the payload before there is memory for them.
_FEW = 1 << 16

# What no table that is described in a payload lets a symbol cost less than, in bits of 2^-24.
_LEAST_COST = TOTAL // 200

_TOO_MANY = "{} symbols are more than its bytes can hold"

_FINDINGS = {
    decoding.TOO_MANY: _TOO_MANY,
    decoding.OUT_OF_RANGE: "a value out of range",
    decoding.WIDE_GAP: "a gap beyond the last cell",
    decoding.HIGH_KEY: "a key of a set beyond its {} cells",
    decoding.NEGATIVE: "a negative magnitude",
    decoding.NO_SHARE: "a share of positive values out of range",
    decoding.NO_SCALE: "a scale outside 0..63",
    decoding.FAR_CENTRE: "a centre out of range",
    decoding.HIGH_SCALE: "scale {} of a set",
}

Categorical = constriction.stream.model.Categorical
Uniform = constriction.stream.model.Uniform
AnsCoder = constriction.stream.stack.AnsCoder

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
UInt32Array = npt.NDArray[np.uint32]
UInt64Array = npt.NDArray[np.uint64]
Float64Array = npt.NDArray[np.float64]


class CoderModel(Protocol):
    """What codes one symbol at a time: a `Model`, or a `UniformModel` where a table is too long."""

    lowest: int

    @property
    def coder_model(self) -> Any:
        """The table as constriction takes it."""


class UniformModel:
    """Equal chances of the integers 0..size - 1.

    Args:
        size: 2..2^24.
    """

    def __init__(self, size: int) -> None:
        self.lowest = 0
        self.coder_model = Uniform(size)


class Tables(NamedTuple):
    """Frequency tables side by side, as the decoder takes them.

    Attributes:
        starts: uint32 (M,), of each table the sums of the frequencies below each symbol, and 2^24.
        rows: int64 (G, FIELDS), of each table what `gsic_kernels.cpu.ans` says of rows.
    """

    starts: UInt32Array
    rows: Int64Array

    @classmethod
    def raw(cls, widths: Sequence[int]) -> "Tables":
        """Return what stands for tables where all bits of a value are raw, 0..64 each."""
        rows = np.zeros((len(widths), decoding.FIELDS), np.int64)
        rows[:, decoding.SYMBOLS] = 1
        rows[:, decoding.ESCAPE] = -1
        rows[:, decoding.LOW_BITS] = widths
        return cls(np.array([0, TOTAL], np.uint32), rows)

    @classmethod
    def of(cls, models: Sequence["Model"]) -> "Tables":
        """Return the tables of models."""
        starts = [np.append(0, model.frequencies.cumsum()) for model in models]
        tables = cls.raw([0] * len(models))
        sizes = [len(start) for start in starts]
        tables.rows[:, decoding.START] = np.cumsum([0, *sizes[:-1]])
        tables.rows[:, decoding.SYMBOLS] = np.array(sizes) - 1
        tables.rows[:, decoding.LOWEST] = [model.lowest for model in models]
        tables.rows[:, decoding.ESCAPE] = [model.escape for model in models]
        tables.rows[:, decoding.LEAST_COST] = [model.least_cost for model in models]
        return cls(np.concatenate(starts).astype(np.uint32), tables.rows)

    def models(self) -> list["Model"]:
        """Return the tables as an encoder takes them."""
        fields = decoding.START, decoding.SYMBOLS, decoding.LOWEST, decoding.ESCAPE
        return [
            Model(np.diff(self.starts[start : start + size + 1].astype(np.int64)), lowest, escape)
            for start, size, lowest, escape in self.rows[:, fields].tolist()
        ]


class Model:
    """A frequency table over the consecutive integers from `lowest` on.

    Args:
        frequencies: integers (n,), n >= 2, each at least 1, summing to exactly 2^24.
        lowest: the value of the first symbol.
        escape: the magnitude that stands for itself and everything beyond; -1 for none.

    Attributes:
        frequencies: the table, int64 (n,).
        highest: the value of the last symbol.
        least_cost: what any symbol costs at least, in bits of 2^-24.

    Raises:
        ValueError: the table breaks one of those rules.
    """

    def __init__(self, frequencies: npt.ArrayLike, lowest: int = 0, escape: int = -1) -> None:
        table = np.asarray(frequencies, np.int64)
        if len(table) < 2 or table.min() < 1 or table.sum() != TOTAL:
            raise ValueError(
                f"a model needs two or more frequencies of at least 1 with sum {TOTAL}, got "
                f"{len(table)} with sum {table.sum()}"
            )
        self.frequencies = table
        self.lowest = lowest
        self.highest = lowest + len(table) - 1
        self.escape = escape
        self.least_cost = TOTAL - int(table.max())

    @cached_property
    def coder_model(self) -> Any:
        """The table as constriction takes it."""
        # constriction spreads 2^24 - n over n given weights and adds 1 to each, so f - 1 comes
        # back as exactly f; `perfect` is always given because its default has changed before.
        return Categorical((self.frequencies - 1).astype(np.float64), perfect=False)

    @cached_property
    def tables(self) -> Tables:
        """The table as the decoder takes it."""
        return Tables.of([self])

    @cached_property
    def bits(self) -> Float64Array:
        """Ideal cost of each symbol in bits, float64 (n,)."""
        return PRECISION - np.log2(self.frequencies)

    def cost_bits(self, symbols: npt.NDArray[Any]) -> float:
        """Return the ideal cost of an integer array in bits.

        Args:
            symbols: integers within the alphabet.
        """
        return float(self.bits[np.asarray(symbols, np.int64) - self.lowest].sum())


@lru_cache(maxsize=RAW_CHUNK)
def _uniform(width: int) -> Any:
    return Uniform(1 << width)


def _chunks(width: int) -> list[tuple[int, int]]:
    """(shift, bits) of each chunk of a raw field, in decode order."""
    return [(s, min(RAW_CHUNK, width - s)) for s in range(0, width, RAW_CHUNK)]


def new_coder() -> Any:
    """Return a coder in its first state, 2^24."""
    # From 2^24 on every symbol enlarges the state, so whoever reads more or less than was written
    # does not end there. From state 0 a run of first symbols would cost nothing, and reading past
    # the end would go unnoticed.
    return AnsCoder(np.array([TOTAL], np.uint32))


def stored(coder: Any) -> bytes:
    """Return a coder's words and state as the bytes of a payload."""
    return bytes(coder.get_compressed().astype("<u4").tobytes()).rstrip(b"\0")


def _words(payload: bytes) -> UInt32Array:
    """The words of a payload, the top of the stack last."""
    if not payload or payload[-1] == 0:
        raise CorruptFile("payload: it must end in a non-zero byte")
    return np.frombuffer(payload + bytes(-len(payload) % 4), "<u4").astype(np.uint32)


def restored(payload: bytes) -> Any:
    """Return the coder that `stored` made these bytes of.

    Raises:
        CorruptFile: the last byte is zero or missing.
    """
    return AnsCoder(_words(payload))


def check_finished(coder: Any) -> None:
    """Check that a coder is back in its first state.

    Raises:
        CorruptFile: it is not.
    """
    words = coder.get_compressed()
    if len(words) != 1 or words[0] != TOTAL:
        raise _not_at_its_end()


class SymbolWriter:
    """Collects streams in decode order; `finish` turns them into the payload."""

    def __init__(self) -> None:
        self._streams: list[tuple[Int32Array, Any]] = []

    def symbols(self, values: npt.NDArray[Any], model: Model) -> None:
        """Append an array of symbols that share one model.

        Args:
            values: integers (n,), each within the model's alphabet.
            model: the frequency table.

        Raises:
            ValueError: a value outside the alphabet.
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

    def raw(self, values: npt.NDArray[Any], width: int) -> None:
        """Append an array of raw bit fields.

        Args:
            values: integers (n,), each in 0..2^width - 1.
            width: bits of each, 0..64.

        Raises:
            ValueError: a value or a width out of range.
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
        for shift, bits in _chunks(width):
            chunk = (fields >> np.uint64(shift)) & np.uint64((1 << bits) - 1)
            self._streams.append((chunk.astype(np.int32), _uniform(bits)))

    def finish(self) -> bytes:
        """Return the payload."""
        coder = new_coder()
        for values, coder_model in reversed(self._streams):
            coder.encode_reverse(values, coder_model)
        return stored(coder)


class SymbolReader:
    """Reads back what a `SymbolWriter` wrote, stream by stream.

    Args:
        payload: the writer's bytes.

    Raises:
        CorruptFile: no writer can have made these bytes. So do all methods when the payload
            cannot hold what they are asked for; garbage that decodes is found by `finish`.
    """

    def __init__(self, payload: bytes) -> None:
        self._words = _words(payload)
        stack = self._words[-2:].tolist()
        state = stack[0] | stack[1] << 32 if len(stack) == 2 else stack[0]
        room = (8 * len(payload) + _SLACK_BITS) << PRECISION
        left = len(self._words) - len(stack)
        self._coder = np.array([state, left, room, 0], np.uint64)

    def values(self, tables: Tables, sizes: Sequence[int], bound: int = 1 << 62) -> Int64Array:
        """Return groups of values: symbols, then gamma numbers of escapes, then low bits.

        Args:
            tables: one per group.
            sizes: values of each group.
            bound: at most 2^62; magnitudes before low bits must be less.

        Returns:
            int64 (sum of sizes,).

        Raises:
            CorruptFile: a magnitude at or above `bound`, or a key beyond its cells.
        """
        rows = tables.rows.copy()
        count = sum(sizes)
        if count > _FEW or count < 0:
            self._check_groups(sizes, rows)
        rows[:, decoding.SIZE] = sizes
        out = np.empty(count, np.int64)
        self.read(decoding.read_values, tables.starts, rows, np.arange(count), bound, out)
        return out

    def read(self, function: Callable[..., int], *arguments: Any) -> None:
        """Let a function of `gsic_kernels.cpu.ans` read on.

        Args:
            function: takes words and coder, and returns a finding.
            arguments: what else it takes.
        """
        finding = function(self._words, self._coder, *arguments)
        if finding != decoding.FINE:
            culprit = int(self._coder[decoding.CULPRIT])
            raise CorruptFile(f"payload: {_FINDINGS[finding].format(culprit)}")

    def check_room(self, count: int) -> None:
        """Refuse more symbols of fitted tables than the payload can hold, before they get memory.

        Args:
            count: how many.
        """
        if count * _LEAST_COST > int(self._coder[decoding.ROOM]):
            raise _too_many(count)

    def _check_groups(self, sizes: Sequence[int], rows: Int64Array) -> None:
        """Refuse what the payload cannot hold before there is memory for it."""
        costs = rows[:, decoding.LEAST_COST] + (rows[:, decoding.LOW_BITS] << PRECISION)
        room = int(self._coder[decoding.ROOM])
        # Python's integers, because these products may be beyond 64 bits.
        for size, cost in zip(sizes, costs.tolist(), strict=True):
            room -= size * cost
            if size < 0 or room < 0:
                raise _too_many(size)

    def symbols(self, model: Model, count: int) -> Int64Array:
        """Return the next `count` symbols of one model, int64 (count,)."""
        starts, rows = model.tables
        rows = rows.copy()
        rows[:, decoding.ESCAPE] = -1
        return self.values(Tables(starts, rows), [count])

    def raw(self, width: int, count: int) -> UInt64Array:
        """Return the next `count` raw fields of `width` bits, uint64 (count,)."""
        return self.values(Tables.raw([width]), [count]).view(np.uint64)

    def narrow(self, width: int, count: int) -> Int64Array:
        """Return the next `count` raw fields of `width` <= 63 bits, int64 (count,)."""
        return self.raw(width, count).view(np.int64)

    def finish(self) -> None:
        """Check that exactly everything was read.

        Raises:
            CorruptFile: it was not.
        """
        if self._coder[decoding.STATE] != TOTAL or self._coder[decoding.LEFT]:
            raise _not_at_its_end()


def _too_many(count: int) -> CorruptFile:
    return CorruptFile(f"payload: {_TOO_MANY.format(count)}")


def _not_at_its_end() -> CorruptFile:
    return CorruptFile("payload: its symbols do not end where its bytes do")
