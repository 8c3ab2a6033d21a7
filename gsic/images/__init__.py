"""Image files: `reading` makes arrays of them, `writing` makes them of arrays.

Only this folder knows image formats. `formats` is the table of what is read and what is refused;
`png`, `jpeg`, `tiff`, `boxes`, `bmp` and `gif` know what Pillow leaves out of a format or gets
wrong; `channels`, `colour` and `icc` turn samples into 8-bit grey or sRGB, or keep the profile
that describes them.
"""

from gsic.images.reading import Loaded, load
from gsic.images.writing import (
    WRITERS,
    Writer,
    choose_writer,
    encode_image,
    measure_lossless,
    save,
)

__all__ = [
    "WRITERS",
    "Loaded",
    "Writer",
    "choose_writer",
    "encode_image",
    "load",
    "measure_lossless",
    "save",
]
