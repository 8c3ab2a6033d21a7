"""Which image formats there are: how each is recognised, and what becomes of it.

`READ` and `REFUSED` are the table of everything that gsic knows of image formats. The first entry
that recognises a file decides, never the name of the file. The details of a format that has any,
its depths, colours and transparency, are in the module of that format.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from gsic.errors import InputError

Test = Callable[[bytes], bool]


class Format(NamedTuple):
    """An image format that gsic reads.

    Attributes:
        name: of the format in messages.
        pillow: name of the format in Pillow, which reads it.
        recognises: tells from the bytes of a file whether it has this format.
    """

    name: str
    pillow: str
    recognises: Test


class Refused(NamedTuple):
    """A kind of file that gsic does not read.

    Attributes:
        name: of the kind in messages.
        advice: what to do instead.
        recognises: tells from the bytes of a file whether it is of this kind.
    """

    name: str
    advice: str
    recognises: Test


def recognise(name: str, data: bytes) -> Format:
    """Find the format of a file by its content.

    Args:
        name: of the file, for the message.
        data: the whole file.

    Raises:
        InputError: empty, or not an image that gsic reads; the message says what it is, where that
            is known, and what to do.
    """
    if not data:
        raise InputError(f"{name}: is empty")
    for refused in REFUSED:
        if refused.recognises(data):
            raise InputError(
                f"{name}: is {refused.name}, which gsic does not read; {refused.advice}"
            )
    for format in READ:
        if format.recognises(data):
            return format
    raise InputError(f"{name}: not an image that gsic can read")


def _starts(*signatures: bytes) -> Test:
    return lambda data: data.startswith(signatures)


def _brands(*wanted: bytes) -> Test:
    """Recognise a file of boxes (ISO/IEC 14496-12) by a brand of its first box."""

    def recognises(data: bytes) -> bool:
        if data[4:8] != b"ftyp":
            return False
        box = data[8 : max(16, min(int.from_bytes(data[:4], "big"), 4096))]
        brands = [box[:4], *(box[at : at + 4] for at in range(8, len(box) - 3, 4))]
        return any(brand in wanted for brand in brands)

    return recognises


def _riff(kind: bytes) -> Test:
    return lambda data: data[:4] == b"RIFF" and data[8:12] == kind


def _has_text(pattern: bytes) -> Test:
    """Recognise a text by a pattern near its beginning, after a byte-order mark and blanks."""
    expression = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*" + pattern, re.IGNORECASE | re.DOTALL)
    return lambda data: expression.match(data[:4096]) is not None


def _is_tga(data: bytes) -> bool:
    """Recognise a TGA file, which has no signature, by a header in which every field makes sense.

    Bytes: 1 colour map type, 2 image type, 3..7 colour map, 12..15 size, 16 depth, 17 alpha bits.
    """
    if data.endswith(b"TRUEVISION-XFILE.\x00"):
        return True
    if len(data) < 19 or not any(data[12:14]) or not any(data[14:16]):
        return False
    mapped, kind, depth, flags = data[1], data[2], data[16], data[17]
    depths = {1: (8, 16), 2: (15, 16, 24, 32), 3: (1, 8, 16)}.get(kind & ~8, ())
    if kind & ~8 == 1:
        return mapped == 1 and depth in depths and data[7] in (15, 16, 24, 32)
    return mapped in (0, 1) and depth in depths and flags & 0xC0 == 0


_is_avif = _brands(b"avif", b"avis")
_is_heic = _brands(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def _is_cursor(data: bytes) -> bool:
    # A TGA file may begin like this, but with the length 0 of its colour map, not a count.
    return data.startswith(b"\x00\x00\x02\x00") and any(data[4:6])


def _is_video(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and not _is_avif(data) and not _is_heic(data)


REFUSED = (
    Refused("a .gsi file", "decode it with `gsic decode`", _starts(b"\xf7G\r\n")),
    Refused("a camera raw file (CR3)", "develop it first", _brands(b"crx ")),
    Refused("a camera raw file (CR2)", "develop it first", lambda data: data[8:10] == b"CR"),
    Refused("a camera raw file (RAF)", "develop it first", _starts(b"FUJIFILMCCD-RAW")),
    Refused(
        *("a camera raw file (ORF)", "develop it first"),
        _starts(b"IIRO", b"IIRS", b"MMOR"),
    ),
    Refused("a camera raw file (RW2)", "develop it first", _starts(b"IIU\x00")),
    Refused("a camera raw file (X3F)", "develop it first", _starts(b"FOVb")),
    Refused("a camera raw file (MRW)", "develop it first", _starts(b"\x00MRM")),
    Refused(
        "an SVG drawing", "render it to PNG first", _has_text(rb"(?:<\?xml.*?|<!.*?)?<svg[\s>]")
    ),
    Refused(
        *("an HTML page", "the download was a page instead of the image"),
        _has_text(rb"(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body)"),
    ),
    Refused("an XML document", "give an image", _has_text(rb"<\?xml")),
    Refused("a PDF document", "render a page to PNG first", _starts(b"%PDF-")),
    Refused(
        "a PostScript drawing", "render it to PNG first", _starts(b"%!PS", b"\xc5\xd0\xd3\xc6")
    ),
    Refused("a Windows metafile", "render it to PNG first", _starts(b"\xd7\xcd\xc6\x9a")),
    Refused("an OpenEXR image", "tone-map it to 8 bits first", _starts(b"\x76\x2f\x31\x01")),
    Refused(
        "a Radiance HDR image", "tone-map it to 8 bits first", _starts(b"#?RADIANCE", b"#?RGBE")
    ),
    Refused("a FITS image", "convert it to PNG or TIFF first", _starts(b"SIMPLE  =")),
    Refused(
        "a DICOM image", "convert it to PNG or TIFF first", lambda data: data[128:132] == b"DICM"
    ),
    Refused("a farbfeld image", "convert it to PNG first", _starts(b"farbfeld")),
    Refused("a FLIF image", "convert it to PNG first", _starts(b"FLIF")),
    Refused("a BPG image", "convert it to PNG first", _starts(b"BPG\xfb")),
    Refused("a JPEG XR image", "convert it to PNG or TIFF first", _starts(b"II\xbc\x01")),
    Refused("a DjVu document", "render a page to PNG first", _starts(b"AT&TFORM")),
    Refused("a GIMP image (XCF)", "export it to PNG first", _starts(b"gimp xcf")),
    Refused("a large Photoshop document (PSB)", "export it to PNG first", _starts(b"8BPS\x00\x02")),
    Refused("a cursor (CUR)", "convert it to PNG first", _is_cursor),
    Refused("a texture (KTX)", "convert it to PNG first", _starts(b"\xabKTX ")),
    Refused("a PAM image", "convert it to PNG first", _starts(b"P7\n")),
    Refused("a Sun raster image", "convert it to PNG first", _starts(b"\x59\xa6\x6a\x95")),
    Refused("an MPEG-4 or QuickTime video", "extract a frame first", _is_video),
    Refused("an AVI video", "extract a frame first", _riff(b"AVI ")),
    Refused("a Matroska or WebM video", "extract a frame first", _starts(b"\x1a\x45\xdf\xa3")),
    Refused("a ZIP archive", "unpack it first", _starts(b"PK\x03\x04", b"PK\x05\x06")),
    Refused("compressed with gzip", "unpack it first", _starts(b"\x1f\x8b")),
    Refused("compressed with xz", "unpack it first", _starts(b"\xfd7zXZ\x00")),
    Refused("compressed with Zstandard", "unpack it first", _starts(b"\x28\xb5\x2f\xfd")),
    Refused("a 7z archive", "unpack it first", _starts(b"7z\xbc\xaf\x27\x1c")),
    Refused("a RAR archive", "unpack it first", _starts(b"Rar!")),
    Refused("a NumPy array", "give it to `gsic.encode` in Python", _starts(b"\x93NUMPY")),
    Refused(
        *("a pointer to a file in Git LFS", "get the file with `git lfs pull`"),
        _starts(b"version https://git-lfs.github.com/spec/"),
    ),
)

# HEIC and AVIF share their container: AVIF says so in a brand, whichever comes first.
READ = (
    Format("PNG", "PNG", _starts(b"\x89PNG\r\n\x1a\n")),
    Format("JPEG", "JPEG", _starts(b"\xff\xd8\xff")),
    Format("WebP", "WEBP", _riff(b"WEBP")),
    Format("AVIF", "AVIF", _is_avif),
    Format("HEIC", "HEIF", _is_heic),
    Format("JPEG XL", "JXL", _starts(b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n")),
    Format("TIFF", "TIFF", _starts(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")),
    Format(
        *("JPEG 2000", "JPEG2000"),
        _starts(b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  \r\n\x87\n"),
    ),
    Format("BMP", "BMP", _starts(b"BM")),
    Format("GIF", "GIF", _starts(b"GIF87a", b"GIF89a")),
    Format("PNM", "PPM", lambda data: re.match(rb"P[1-6Ff]\s", data[:3]) is not None),
    Format("QOI", "QOI", _starts(b"qoif")),
    Format("PSD", "PSD", _starts(b"8BPS")),
    Format("SGI", "SGI", _starts(b"\x01\xda")),
    Format("DDS", "DDS", _starts(b"DDS ")),
    Format("ICNS", "ICNS", _starts(b"icns")),
    Format("ICO", "ICO", _starts(b"\x00\x00\x01\x00")),
    Format("PCX", "PCX", lambda data: re.match(rb"\x0a[\0\2\3\4\5][\0\1]", data[:3]) is not None),
    Format("TGA", "TGA", _is_tga),
)
