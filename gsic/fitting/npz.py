"""Writes `.npz` files, and reads plain arrays from `.npz` files that may be hostile.

`numpy.load` allocates as much as the header of an array declares and unpacks as much as the zip
declares. Here the size of the file bounds both: members must be stored without compression, and
must hold exactly as many bytes as their headers declare.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsic.errors import InputError

# Far more than any version of a fit holds.
_MEMBERS_MAX = 64
_NAME_MAX = 64

# The header as every version of NumPy writes it for little-endian numbers and text.
_HEADER = re.compile(
    rb"\{'descr': '([<|][fiuU][0-9]{1,9})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:[0-9]{1,15}, ?)*(?:[0-9]{1,15})?)\), \} *\n"
)

# The exceptions of `zipfile` on damaged files; RuntimeError includes NotImplementedError.
_DAMAGE = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


def write(arrays: dict[str, Any]) -> bytes:
    """Return an uncompressed `.npz` file of arrays; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read(data: bytes) -> dict[str, NDArray[Any]]:
    """Read the arrays of an uncompressed `.npz` file, in memory of about its size.

    Args:
        data: the file, with arrays of numbers or text.

    Returns:
        Writable arrays by name.

    Raises:
        InputError: not an `.npz` file, damaged, compressed, or with anything but plain arrays.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_members(members, len(data))
            stored = {member.filename: archive.read(member) for member in members}
    except _DAMAGE as error:
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"not an .npz file, or a damaged one: {cause}") from error
    return {
        name.removesuffix(".npy"): _parse_array(name, content) for name, content in stored.items()
    }


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse members that would take more memory than the file, of `size` bytes, itself."""
    names = {member.filename for member in members}
    if len(members) > _MEMBERS_MAX or len(names) < len(members):
        raise InputError(f"an .npz file of {len(members)} members, of {len(names)} names")
    for member in members:
        if len(member.filename) > _NAME_MAX:
            raise InputError(f"an .npz file with a name of {len(member.filename)} characters")
        if member.compress_type != zipfile.ZIP_STORED:
            raise InputError(f"{member.filename!r} is compressed; only stored arrays are read")
    if sum(member.file_size for member in members) > size:
        raise InputError("members that are together larger than the file")


def _parse_array(name: str, content: bytes) -> NDArray[Any]:
    """Parse one member in the `.npy` format, version 1 to 3."""
    size_bytes = 2 if content[6:7] == b"\x01" else 4
    start = 8 + size_bytes
    end = start + int.from_bytes(content[8:start], "little")
    header = _HEADER.fullmatch(content[start:end])
    if content[:6] != b"\x93NUMPY" or header is None:
        raise InputError(f"{name!r} is not a plain array of numbers or text")
    kind, fortran, sides = header.groups()
    try:
        dtype = np.dtype(kind.decode())
    except TypeError as error:  # such as f3 or i7
        raise InputError(f"{name!r} has an unknown type of numbers") from error
    shape = tuple(int(side) for side in sides.split(b",") if side.strip())
    if dtype.itemsize * math.prod(shape) != len(content) - end or len(shape) > 8:
        raise InputError(f"{name!r} declares {shape} values of {dtype}, and does not hold them")
    if dtype.itemsize == 0:
        return np.empty(shape, dtype)
    order: Any = "F" if fortran == b"True" else "C"
    return np.frombuffer(content, dtype, offset=end).reshape(shape, order=order).copy()
