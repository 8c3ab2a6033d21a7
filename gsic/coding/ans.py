"""One ANS payload: arrays of symbols in, bytes out, and back.

An ANS coder is a stack, so whoever encodes must push the last symbol first. `SymbolWriter` hides
that: it collects streams in the order in which they will be decoded and pushes them backwards when
it finishes. The numbers (word and state sizes, precision, how the final state is stored) are those
of FORMAT.md section 3; the coder that does the arithmetic is constriction's.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any, Protocol

import constriction
import numpy as np
import numpy.typing as npt

from gsic.errors import CorruptFile

PRECISION = 24
"""Frequencies of a model sum to 2^PRECISION."""

TOTAL = 1 << PRECISION

RAW_CHUNK = 24
"""Raw fields wider than this are split, lowest bits first."""

# A symbol of frequency f costs at least (2^24 - f) / 2^24 bits, so the bytes present bound how many
# symbols they can carry. The slack covers rounding in the coder.
_SLACK_BITS = 64

Categorical = constriction.stream.model.Categorical
Uniform = constriction.stream.model.Uniform
AnsCoder = constriction.stream.stack.AnsCoder

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
UInt64Array = npt.NDArray[np.uint64]
Float64Array = npt.NDArray[np.float64]


class CoderModel(Protocol):
    """What codes one symbol at a time: a `Model`, or a `UniformModel` where a table is too long."""

    lowest: int
    coder_model: Any


class UniformModel:
    """Equal chances of the integers 0..size - 1.

    Args:
        size: 2..2^24.
    """

    def __init__(self, size: int) -> None:
        self.lowest = 0
        self.coder_model = Uniform(size)


class Model:
    """A frequency table over the consecutive integers from `lowest` on.

    Args:
        frequencies: integers (n,), n >= 2, each at least 1, summing to exactly 2^24.
        lowest: the value of the first symbol.

    Attributes:
        highest: the value of the last symbol.
        escape: the magnitude that stands for itself and everything beyond; -1 for none.
        least_cost: what any symbol costs at least, in bits of 2^-24.

    Raises:
        ValueError: the table breaks one of those rules.
    """

    def __init__(self, frequencies: npt.ArrayLike, lowest: int = 0) -> None:
        table = np.asarray(frequencies, np.int64)
        if len(table) < 2 or table.min() < 1 or table.sum() != TOTAL:
            raise ValueError(
                f"a model needs two or more frequencies of at least 1 with sum {TOTAL}, got "
                f"{len(table)} with sum {table.sum()}"
            )
        self._set((table - 1).astype(np.float64), lowest, int(table.max()), -1)

    @classmethod
    def from_weights(cls, weights: Float64Array, lowest: int, largest: int, escape: int) -> "Model":
        """Return a model of a table that is right by construction: checks take long to decode.

        Args:
            weights: float64 (n,), each frequency less 1.
            lowest: the value of the first symbol.
            largest: the largest frequency.
            escape: the magnitude that is an escape, -1 for none.
        """
        model = cls.__new__(cls)
        model._set(weights, lowest, largest, escape)
        return model

    def _set(self, weights: Float64Array, lowest: int, largest: int, escape: int) -> None:
        self.lowest = lowest
        self.highest = lowest + len(weights) - 1
        self.escape = escape
        self.least_cost = TOTAL - largest
        self._weights = weights
        # constriction spreads 2^24 - n over n given weights and adds 1 to each, so f - 1 comes
        # back as exactly f; `perfect` is always given because its default has changed before.
        self.coder_model = Categorical(weights, perfect=False)

    @cached_property
    def frequencies(self) -> Int64Array:
        """The table, int64 (n,)."""
        return self._weights.astype(np.int64) + 1

    @cached_property
    def bits(self) -> Float64Array:
        """Ideal cost of each symbol in bits, float64 (n,)."""
        return PRECISION - np.log2(self._weights + 1.0)

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


def restored(payload: bytes) -> Any:
    """Return the coder that `stored` made these bytes of.

    Raises:
        CorruptFile: the last byte is zero or missing.
    """
    if not payload or payload[-1] == 0:
        raise CorruptFile("payload: it must end in a non-zero byte")
    words = np.frombuffer(payload + bytes(-len(payload) % 4), "<u4").astype(np.uint32)
    return AnsCoder(words)


def check_finished(coder: Any) -> None:
    """Check that a coder is back in its first state.

    Raises:
        CorruptFile: it is not.
    """
    words = coder.get_compressed()
    if len(words) != 1 or words[0] != TOTAL:
        raise CorruptFile("payload: its symbols do not end where its bytes do")


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
        self._coder = restored(payload)
        self._budget = (8 * len(payload) + _SLACK_BITS) << PRECISION

    def indices(self, model: Model, count: int) -> Int32Array:
        """Return the next `count` symbols of one model less its lowest one, int32 (count,)."""
        return self._decode(model.coder_model, count, model.least_cost)

    def grouped(self, models: Sequence[Model], counts: Sequence[int]) -> list[Int32Array]:
        """Return groups of symbols less the lowest one of their model, int32 (count,) each.

        Args:
            models: one per group.
            counts: how many symbols each group has.
        """
        decode = self._decode
        return [
            decode(model.coder_model, count, model.least_cost)
            for model, count in zip(models, counts, strict=True)
        ]

    def symbols(self, model: Model, count: int) -> Int32Array:
        """Return the next `count` symbols of one model, int32 (count,)."""
        return self.indices(model, count) + np.int32(model.lowest)

    def _decode(self, coder_model: Any, count: int, least_cost: int) -> Int32Array:
        self._budget -= count * least_cost
        if count < 0 or self._budget < 0:
            raise CorruptFile(f"payload: {count} symbols are more than its bytes can hold")
        try:
            decoded: Int32Array = self._coder.decode(coder_model, count)
        except (ValueError, AssertionError, OverflowError) as error:
            raise CorruptFile(f"payload: {error}") from error
        return decoded

    def raw(self, width: int, count: int) -> UInt64Array:
        """Return the next `count` raw fields of `width` bits, uint64 (count,)."""
        fields = self.narrow(min(width, RAW_CHUNK), count).astype(np.uint64)
        for shift, bits in _chunks(width)[1:]:
            fields |= self.narrow(bits, count).astype(np.uint64) << np.uint64(shift)
        return fields

    def narrow(self, width: int, count: int) -> Int32Array:
        """Return the next `count` raw fields of `width` <= RAW_CHUNK bits, int32 (count,)."""
        if width == 0:
            return np.zeros(count, np.int32)
        return self._decode(_uniform(width), count, width << PRECISION)

    def raw_arrays(self, widths: Sequence[int], counts: Sequence[int]) -> Int64Array:
        """Return raw fields of several widths, one array after the other, int64 (sum of counts,).

        Args:
            widths: bits of the fields of each array, at most 63.
            counts: how many fields each array has; there are one or more.
        """
        parts: list[npt.NDArray[Any]] = [
            self.narrow(width, count) if width <= RAW_CHUNK else self.raw(width, count)
            for width, count in zip(widths, counts, strict=True)
        ]
        return np.concatenate(parts, dtype=np.int64, casting="unsafe")

    def finish(self) -> None:
        """Check that exactly everything was read."""
        check_finished(self._coder)
