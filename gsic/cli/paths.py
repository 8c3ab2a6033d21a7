"""The paths that a command is given: inputs that are there, and an output that is no slip."""

import os

from gsic.errors import OptionError
from gsic.files import check_source, check_target, is_replaceable

# Of images and of what cameras and drawing programs write, whether gsic reads it or not.
IMAGE_SUFFIXES = frozenset(
    [
        *(".apng", ".arw", ".avif", ".bmp", ".cr2", ".cr3", ".dds", ".dib", ".dng", ".emf"),
        *(".eps", ".exr", ".fits", ".gif", ".hdr", ".heic", ".heif", ".hif", ".icns", ".ico"),
        *(".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx"),
        *(".jxl", ".jxr", ".kra", ".mpo", ".nef", ".orf", ".pam", ".pbm", ".pcx", ".pdf"),
        *(".pfm", ".pgm", ".png", ".pnm", ".ppm", ".psb", ".psd", ".qoi", ".raf", ".raw"),
        *(".rw2", ".sgi", ".svg", ".svgz", ".tga", ".tif", ".tiff", ".webp", ".wmf", ".xbm"),
        *(".xcf", ".xpm"),
    ]
)


def check(output: str, *inputs: str | None) -> None:
    """Refuse, before any work, paths that cannot be read or written, or that are the same file.

    Args:
        output: path of the output, or `-`.
        inputs: paths of the inputs, `-` for stdin; None for one that was not given.

    Raises:
        InputError: an input is missing, or the output cannot be written or is an input.
        OptionError: the output is a terminal.
    """
    for path in inputs:
        if path is not None:
            check_source(path)
    check_target(output, *inputs)


def refuse_image_name(output: str, kind: str) -> None:
    """Refuse an output that has the name of an image and would not be one.

    The shell makes `gsic encode a.png b.png` of `gsic encode *.png`, which would replace b.png.

    Args:
        output: path of the output.
        kind: what the command writes, for the message.

    Raises:
        OptionError: the path, or that of the file that it leads to, has the suffix of an image.
    """
    if not is_replaceable(output):
        return
    for name in (output, os.path.realpath(output)):  # a link is followed
        suffix = os.path.splitext(name)[1].lower()
        if suffix in IMAGE_SUFFIXES:
            raise OptionError(
                f"{output}: {kind} would get the suffix of an image, {suffix}; --force writes it"
            )
