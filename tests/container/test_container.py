"""The container: pinned bytes, sections, limits, and a file against each rule."""

import zlib
from dataclasses import replace

import pytest
from damaged_files import seal

from gsic import container
from gsic.container import ByteReader, Container, Mode, Section, encode_varint
from gsic.container.v1 import COMMENT, ICC
from gsic.errors import CorruptFile, LimitError, NotGsi, TruncatedFile, UnsupportedVersion
from gsic.options import Limits

SMALL = Container(1, 3, 200, Mode.RGB, b"\x07\x08", b"payload")
SECTIONS = replace(SMALL, sections=(Section(ICC, b"profile"), Section(COMMENT, b"")))


def test_pinned_bytes() -> None:
    body = "01 03 c8 01 02 02 07 08" + b"payload".hex()
    expected = bytes.fromhex("f7 47 0d 0a 01 13" + body)
    assert container.write(SMALL) == expected + zlib.crc32(expected).to_bytes(4, "little")
    body = "01 03 c8 01 0a 02 02 07" + b"profile".hex() + "04 00 02 07 08" + b"payload".hex()
    expected = bytes.fromhex("f7 47 0d 0a 01 1f" + body)
    assert container.write(SECTIONS) == expected + zlib.crc32(expected).to_bytes(4, "little")


@pytest.mark.parametrize("content", [SMALL, SECTIONS])
def test_what_was_written_is_read(content: Container) -> None:
    assert container.read(container.write(content)) == content


def test_overhead_of_a_small_file() -> None:
    content = Container(1, 768, 512, Mode.RGB, b"", bytes(2000))
    assert len(container.write(content)) - 2000 == 18


def test_sections_are_found_by_id() -> None:
    content = container.read(container.write(SECTIONS))
    assert content.find_section(ICC) == b"profile"
    assert content.find_section(COMMENT) == b""
    assert content.find_section(77) is None


def test_channels_of_modes() -> None:
    assert [mode.channels for mode in Mode] == [1, 2, 3, 4, 1, 2]


def test_unknown_sections_are_skipped_unless_critical() -> None:
    known = Section(ICC, b"profile")
    skipped = replace(SMALL, sections=(known, Section(77, b"later")))
    assert container.read(container.write(skipped)) == replace(SMALL, sections=(known,))
    critical = replace(SMALL, sections=(known, Section(77, b"later", critical=True)))
    with pytest.raises(UnsupportedVersion, match="critical section 77"):
        container.read(container.write(critical))


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"\xf7G\n", b"\xf7G\r\r\n", b"text", b"\0"])
def test_other_files_are_not_gsi(data: bytes) -> None:
    with pytest.raises(NotGsi, match=r"f7 47 0d 0a"):
        container.read(data)


@pytest.mark.parametrize("version", [0, 2, 3, 127, 255])
def test_other_versions_are_unsupported(version: int) -> None:
    data = bytearray(container.write(SMALL))
    data[4] = version
    with pytest.raises(UnsupportedVersion, match=f"format version {version}, .* reads version 1"):
        container.read(bytes(data))


def test_every_beginning_of_a_file_is_truncated() -> None:
    for content in (SMALL, SECTIONS, replace(SMALL, payload=bytes(20_000))):
        data = container.write(content)
        for length in [*range(60), len(data) // 2, len(data) - 1]:
            if length < len(data):
                with pytest.raises(TruncatedFile):
                    container.read(data[:length])


def test_bytes_after_the_end_are_corrupt() -> None:
    data = container.write(SMALL)
    with pytest.raises(CorruptFile, match="where its length field says 25"):
        container.read(data + b"\0")


def test_a_wrong_checksum_is_corrupt() -> None:
    data = bytearray(container.write(SMALL))
    data[-1] ^= 1
    with pytest.raises(CorruptFile, match="CRC-32"):
        container.read(bytes(data))


def test_the_checksum_comes_before_the_body() -> None:
    # A size beyond the limits in a damaged file is damage.
    body = encode_varint(1) + encode_varint(2**31) + encode_varint(2**31) + b"\x02\x00"
    data = bytearray(seal(body))
    data[-1] ^= 1
    with pytest.raises(CorruptFile, match="CRC-32"):
        container.read(bytes(data))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "profile at byte 6 needs 1 bytes, 0 are left"),
        ("01 00 05 02 00", "an image of 0 x 5 pixels"),
        ("01 05 00 02 00", "an image of 5 x 0 pixels"),
        ("01 05 05 06 00", "mode 6 is not one of version 1"),
        ("01 05 05 12 00", "mode 18 is not one of version 1"),
        ("01 05 05 02", "parameter length at byte 10"),
        ("01 05 05 02 01", "parameters at byte 11 needs 1 bytes, 0 are left"),
        ("81 00 05 05 02 00", "profile at byte 6 is not canonical"),
        ("01 85 80 00 05 02 00", "width at byte 7 is not canonical"),
        ("01 ff ff ff ff 1f 01 02 00", "width at byte 7 exceeds 32 bits"),
        ("01 ff ff ff ff ff 01 01 02 00", "width at byte 7 exceeds 32 bits"),
        ("01 05 05 0a 00 00", "sections are announced and there are none"),
        ("01 05 05 0a 01 02 05 00", "section 1 at byte 13 needs 5 bytes, 1 are left"),
        ("01 05 05 0a 02 04 00 02 00 00", "section 1 after section 2"),
        ("01 05 05 0a 02 02 00 02 00 00", "section 1 after section 1"),
        ("01 05 05 0a 01 01 00 00", "section 0 after section 0"),
        ("01 05 05 0a ff ff ff ff 0f 02 00", "section id at byte 17"),
    ],
)
def test_bodies_against_the_rules_are_corrupt(body: str, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        container.read(seal(bytes.fromhex(body)))


def test_lengths_below_the_checksum_are_corrupt() -> None:
    for length in range(4):
        with pytest.raises(CorruptFile, match="where its length field says"):
            container.read(container.MAGIC + b"\x01" + encode_varint(length) + bytes(length))


@pytest.mark.parametrize(("width", "height"), [(2**27 + 1, 1), (1, 2**27 + 1), (2**32 - 1,) * 2])
def test_more_pixels_than_the_limit(width: int, height: int) -> None:
    data = container.write(replace(SMALL, width=width, height=height))
    with pytest.raises(LimitError, match=f"{width} x {height} pixels, the limit is 134217728"):
        container.read(data)


def test_a_raised_limit_lets_larger_images_in() -> None:
    wide = replace(SMALL, width=2**32 - 1)
    assert container.read(container.write(wide), Limits(pixels=2**40)) == wide


def test_limits_are_inclusive() -> None:
    data = container.write(SMALL)
    assert container.read(data, Limits(pixels=600)) == SMALL
    with pytest.raises(LimitError):
        container.read(data, Limits(pixels=599))


@pytest.mark.parametrize(
    "content",
    [
        replace(SMALL, width=0),
        replace(SMALL, height=2**32),
        replace(SMALL, sections=(Section(0, b""),)),
        replace(SMALL, sections=(Section(2, b""), Section(1, b""))),
        replace(SMALL, sections=(Section(1, b""), Section(1, b""))),
        replace(SMALL, sections=(Section(2**31, b""),)),
        replace(SMALL, profile=-1),
    ],
)
def test_what_no_file_can_hold_is_not_written(content: Container) -> None:
    with pytest.raises(ValueError, match=r"."):
        container.write(content)


def test_byte_reader_names_field_and_offset() -> None:
    reader = ByteReader(b"\x01\x02\x03", "parameters", offset=40)
    assert reader.byte("first") == 1
    assert (reader.left, reader.offset) == (2, 41)
    with pytest.raises(CorruptFile, match="parameters: second at byte 41 needs 3 bytes, 2 are"):
        reader.take(3, "second")
    with pytest.raises(CorruptFile, match="parameters: 2 bytes too many from byte 41"):
        reader.finish()
    assert reader.rest() == b"\x02\x03"
    reader.finish()


def test_varints_of_64_bits() -> None:
    assert ByteReader(encode_varint(2**64 - 1), "x").varint("y", bits=64) == 2**64 - 1
    with pytest.raises(CorruptFile, match="exceeds 64 bits"):
        ByteReader(b"\xff" * 9 + b"\x02", "x").varint("y", bits=64)
    with pytest.raises(CorruptFile, match="exceeds 32 bits"):
        ByteReader(encode_varint(2**32), "x").varint("y")
    with pytest.raises(ValueError, match="varints hold"):
        encode_varint(2**64)
