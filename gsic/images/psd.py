"""PSD: the kinds of Photoshop documents that are not read."""

from gsic.errors import InputError
from gsic.images.inspection import Inspected

_READ = {0: "bitmap", 1: "grey", 2: "indexed", 3: "RGB", 4: "CMYK", 9: "Lab"}
_OTHER = {7: "multichannel", 8: "duotone"}


def inspect(data: bytes) -> Inspected:
    """Read the header of a Photoshop document.

    Raises:
        InputError: other than 8 or 1 bits a sample, or a mode without a meaning as an image.
    """
    depth, mode = int.from_bytes(data[22:24], "big"), int.from_bytes(data[24:26], "big")
    if depth not in (1, 8) or mode not in _READ:
        name = (_READ | _OTHER).get(mode, f"mode {mode}")
        raise InputError(
            f"is a Photoshop document of {depth} bits ({name}), which gsic does not read; export "
            "it to PNG first"
        )
    return Inspected(data)
