"""Recognition of formats, and what is said of files that are not read."""

import io

import pytest
from image_files import box, file_of
from PIL import Image

from gsic.errors import InputError
from gsic.images.formats import READ, recognise

PICTURE = Image.new("RGB", (40, 30), (200, 100, 50))
PLENTY = bytes(5000)


@pytest.mark.parametrize(
    ("name", "writer"),
    [
        *(("PNG", "PNG"), ("JPEG", "JPEG"), ("WebP", "WEBP"), ("AVIF", "AVIF"), ("TIFF", "TIFF")),
        *(("JPEG 2000", "JPEG2000"), ("BMP", "BMP"), ("GIF", "GIF"), ("PNM", "PPM")),
        *(("QOI", "QOI"), ("SGI", "SGI"), ("DDS", "DDS"), ("ICNS", "ICNS"), ("ICO", "ICO")),
        *(("PCX", "PCX"), ("TGA", "TGA")),
    ],
)
def test_what_pillow_writes_is_recognised(name: str, writer: str) -> None:
    assert recognise("x", file_of(PICTURE, writer)).name == name


def test_every_format_is_read_by_a_plugin_of_pillow_or_another_package() -> None:
    Image.init()
    others = {"HEIC", "JPEG XL"}
    assert [f.name for f in READ if f.pillow not in Image.OPEN and f.name not in others] == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "x: is empty"),
        (b"\xf7G\r\n\x01", "a .gsi file, which gsic does not read; decode it"),
        (box(b"ftyp", b"crx \0\0\0\1crx isom") + PLENTY, "camera raw file (CR3)"),
        (b"II*\0\x10\0\0\0CR\x02\0" + PLENTY, "camera raw file (CR2)"),
        (b"FUJIFILMCCD-RAW 0201" + PLENTY, "develop it first"),
        (b"IIRO\x08\0\0\0" + PLENTY, "develop it first"),
        (b"IIU\0\x08\0\0\0" + PLENTY, "develop it first"),
        (b'<?xml version="1.0"?>\n<!-- made -->\n<svg xmlns="x">', "SVG drawing"),
        (b"  <svg width='3'></svg>", "render it to PNG first"),
        (b"\xef\xbb\xbf<!DOCTYPE svg PUBLIC 'x'><svg>", "SVG drawing"),
        (b"<!doctype HTML><html><body>404", "HTML page"),
        (b"\n<html lang='en'>", "the download was a page"),
        (b"<?xml version='1.0'?><rss/>", "XML document"),
        (b"%PDF-1.7\n", "render a page to PNG first"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%EndComments\nshowpage\n", "PostScript"),
        (b"\x76\x2f\x31\x01" + PLENTY, "OpenEXR"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "Radiance HDR"),
        (b"SIMPLE  =                    T", "FITS"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"II\xbc\x01" + PLENTY, "JPEG XR"),
        (b"8BPS\0\x02" + PLENTY, "PSB"),
        (b"gimp xcf v011", "XCF"),
        (b"P7\nWIDTH 3\n", "PAM"),
        (b"\0\0\2\0\1\0 \0" + PLENTY, "cursor"),
        (box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + PLENTY, "video"),
        (box(b"ftyp", b"qt  \0\0\2\0qt  ") + PLENTY, "extract a frame first"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI video"),
        (b"\x1a\x45\xdf\xa3" + PLENTY, "WebM"),
        (b"PK\x03\x04" + PLENTY, "ZIP archive"),
        (b"\x1f\x8b\x08" + PLENTY, "gzip"),
        (b"\x93NUMPY\x01\0", "gsic.encode"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "git lfs pull"),
        (b"hello, I am a text\n" * 40, "x: not an image that gsic can read"),
        (PLENTY, "not an image"),
    ],
)
def test_what_is_not_read_is_named(data: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        recognise("x", data)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_avif_is_found_behind_other_brands() -> None:
    assert recognise("x", box(b"ftyp", b"mif1\0\0\0\0mif1avifmiaf")).name == "AVIF"
    assert recognise("x", box(b"ftyp", b"mif1\0\0\0\0mif1heic")).name == "HEIC"


def test_a_tga_file_is_no_cursor() -> None:
    buffer = io.BytesIO()
    PICTURE.save(buffer, "TGA")
    without_footer = buffer.getvalue()[:-26] if buffer.getvalue().endswith(b"\0") else None
    data = without_footer or buffer.getvalue()
    assert data.startswith(b"\0\0\2\0")
    assert recognise("x", data).name == "TGA"
