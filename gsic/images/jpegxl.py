"""JPEG XL: the header of its codestream, ISO/IEC 18181-1 annex D, which its Pillow plugin hides."""

from gsic.errors import InputError
from gsic.images.boxes import iterate_boxes
from gsic.images.inspection import Inspected

_SIGNATURE = b"\xff\x0a"
_PART_INDEX_BYTES = 4
# Width over height for the codes 1 to 7.
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_ALPHA, _SPOT_COLOUR, _FILTER_ARRAY = 0, 2, 5

# Distributions U32: pairs of an offset and the number of bits that are added to it.
_SIDE = ((1, 9), (1, 13), (1, 18), (1, 30))
_PREVIEW_SIDE_DIV8 = ((16, 0), (32, 0), (1, 5), (33, 9))
_PREVIEW_SIDE = ((1, 6), (65, 8), (321, 10), (1345, 12))
_ANIMATION = (
    ((100, 0), (1000, 0), (1, 10), (1, 30)),
    ((1, 0), (1001, 0), (1, 8), (1, 10)),
    ((0, 0), (0, 3), (0, 16), (0, 32)),
)
_INTEGER_BITS = ((8, 0), (10, 0), (12, 0), (1, 6))
_FLOAT_BITS = ((32, 0), (16, 0), (24, 0), (1, 6))
_COUNT = ((0, 0), (1, 0), (2, 4), (1, 12))
_ENUMERATION = ((0, 0), (1, 0), (2, 4), (18, 6))
_SHIFT = ((0, 0), (3, 0), (4, 0), (1, 3))
_NAME_LENGTH = ((0, 0), (0, 4), (16, 5), (48, 10))
_FILTER = ((1, 0), (0, 2), (3, 4), (19, 8))


def inspect(data: bytes) -> Inspected:
    """Read size, depth and the kind of alpha of a JPEG XL file.

    Raises:
        InputError: no codestream, or one that ends inside its header.
    """
    inspected = Inspected(data)
    bits = _Bits(_find_codestream(data))
    inspected.size = _read_size(bits)
    if bits.flag():  # all fields have their default
        return inspected
    if bits.flag():
        _skip_extra_fields(bits)
    inspected.depth = _read_depth(bits)
    bits.take(1)
    for _ in range(bits.choose(_COUNT)):
        if bits.flag():  # 8-bit alpha, not multiplied
            break
        kind = bits.choose(_ENUMERATION)
        _skip_channel(bits)
        if kind == _ALPHA:
            inspected.premultiplied = bits.flag()
            break
        if kind == _SPOT_COLOUR:
            bits.take(4 * 16)
        elif kind == _FILTER_ARRAY:
            bits.choose(_FILTER)
    return inspected


class _Bits:
    """Reads fields of bits, the lowest bit of a byte first."""

    def __init__(self, data: bytes) -> None:
        # No header that a decoder accepts is larger.
        self._value = int.from_bytes(data[:65536], "little")
        self._left = 8 * len(data[:65536])

    def take(self, count: int) -> int:
        if count > self._left:
            raise InputError("damaged or truncated: JPEG XL header")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return value

    def flag(self) -> bool:
        return bool(self.take(1))

    def choose(self, distribution: tuple[tuple[int, int], ...]) -> int:
        offset, count = distribution[self.take(2)]
        return offset + self.take(count)


def _find_codestream(data: bytes) -> bytes:
    """Return the codestream, or its first part: a file is one, or has it in a box."""
    if data.startswith(_SIGNATURE):
        return data[len(_SIGNATURE) :]
    for kind, content in iterate_boxes(data):
        start = _PART_INDEX_BYTES if kind == b"jxlp" else 0
        if kind in (b"jxlc", b"jxlp") and content[start:].startswith(_SIGNATURE):
            return content[start + len(_SIGNATURE) :]
    raise InputError("damaged or truncated: no JPEG XL codestream")


def _read_size(bits: _Bits) -> tuple[int, int]:
    """Return width and height in pixels."""
    small = bits.flag()
    height = 8 * (bits.take(5) + 1) if small else bits.choose(_SIDE)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return (8 * (bits.take(5) + 1) if small else bits.choose(_SIDE)), height


def _skip_extra_fields(bits: _Bits) -> None:
    """Skip orientation, which the decoder applies, intrinsic size, preview and animation."""
    bits.take(3)
    if bits.flag():
        _read_size(bits)
    if bits.flag():
        side = _PREVIEW_SIDE_DIV8 if bits.flag() else _PREVIEW_SIDE
        bits.choose(side)
        if not bits.take(3):
            bits.choose(side)
    if bits.flag():
        for distribution in _ANIMATION:
            bits.choose(distribution)
        bits.take(1)


def _read_depth(bits: _Bits) -> int:
    """Return the bits of a sample."""
    if not bits.flag():
        return bits.choose(_INTEGER_BITS)
    depth = bits.choose(_FLOAT_BITS)
    bits.take(4)
    return depth


def _skip_channel(bits: _Bits) -> None:
    """Skip depth, shift and name of an extra channel."""
    _read_depth(bits)
    bits.choose(_SHIFT)
    bits.take(8 * bits.choose(_NAME_LENGTH))
