"""The fields of a file: varints, and a reader that never leaves its bytes.

`ByteReader` checks every read against the bytes that it was given, and names the field and its
offset when a check fails. Profiles parse their parameter bytes with it too.
"""

from gsic.errors import CorruptFile

VARINT_BYTES = 5
"""Longest varint of 32 bits."""

VARINT64_BYTES = 10
"""Longest varint of 64 bits."""


def encode_varint(value: int) -> bytes:
    """Return the bytes of a varint (FORMAT.md section 1).

    Args:
        value: 0..2^64 - 1.

    Raises:
        ValueError: a value out of range.
    """
    if not 0 <= value < 1 << 64:
        raise ValueError(f"varints hold 0 to 2^64 - 1, got {value}")
    groups = bytearray()
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


class ByteReader:
    """A reader of fields, with a position in its bytes.

    Args:
        data: the bytes.
        name: what the bytes are, for messages.
        offset: where they begin in the file, for messages.
    """

    def __init__(self, data: bytes, name: str, offset: int = 0) -> None:
        self._data = data
        self._name = name
        self._offset = offset
        self._at = 0

    @property
    def left(self) -> int:
        """Number of bytes that are still unread."""
        return len(self._data) - self._at

    @property
    def offset(self) -> int:
        """Offset of the next byte in the file."""
        return self._offset + self._at

    def take(self, count: int, field: str) -> bytes:
        """Read the next `count` bytes.

        Raises:
            CorruptFile: fewer are left.
        """
        if count > self.left:
            raise CorruptFile(
                f"{self._name}: {field} at byte {self.offset} needs {count} bytes, "
                f"{self.left} are left"
            )
        start = self._at
        self._at += count
        return self._data[start : self._at]

    def byte(self, field: str) -> int:
        """Read the next byte, 0..255; raise CorruptFile if none is left."""
        return self.take(1, field)[0]

    def varint(self, field: str, bits: int = 32) -> int:
        """Read the next varint.

        Args:
            field: name of the field, for messages.
            bits: 32 or 64, most bits of the value.

        Raises:
            CorruptFile: the bytes end inside it, it is longer than its value needs, or its value
                has more bits.
        """
        start = self.offset
        value = 0
        for group in range(VARINT_BYTES if bits == 32 else VARINT64_BYTES):
            byte = self.byte(field)
            value |= (byte & 0x7F) << 7 * group
            if byte < 0x80:
                if byte == 0 and group > 0:
                    raise CorruptFile(f"{self._name}: {field} at byte {start} is not canonical")
                if value >> bits:
                    break
                return value
        raise CorruptFile(f"{self._name}: {field} at byte {start} exceeds {bits} bits")

    def rest(self) -> bytes:
        """Read all bytes that are left."""
        return self.take(self.left, "rest")

    def finish(self) -> None:
        """Check that nothing is left.

        Raises:
            CorruptFile: bytes remain.
        """
        if self.left:
            raise CorruptFile(f"{self._name}: {self.left} bytes too many from byte {self.offset}")
