"""GIF: its ICC profile, and what a small first frame leaves empty."""

import numpy as np
from image_files import file_of, make_profile
from PIL import Image

from gsic import images


def test_the_profile_of_an_application_extension_is_found() -> None:
    data = file_of(Image.new("RGB", (6, 4), (255, 0, 0)).quantize(2), "GIF")
    profile = make_profile()
    blocks = [profile[at : at + 255] for at in range(0, len(profile), 255)]
    extension = b"\x21\xff\x0bICCRGBG1012" + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0"
    at = data.index(b"\x2c", 13 + 3 * (2 << (data[10] & 7)))
    assert images.load(data[:at] + extension + data[at:]).icc == profile


def test_what_the_first_frame_does_not_cover_is_transparent() -> None:
    data = bytearray(file_of(Image.new("RGB", (6, 4), (255, 0, 0)).quantize(2), "GIF"))
    data[6:10] = bytes([10, 0, 8, 0])  # a larger screen
    at = data.index(b"\x2c", 13 + 3 * (2 << (data[10] & 7)))
    data[at + 1 : at + 5] = bytes([2, 0, 3, 0])  # the frame's place on it
    image = images.load(bytes(data)).image
    assert image.shape == (8, 10, 4)
    expected = np.zeros((8, 10, 4))
    expected[3:7, 2:8] = (255, 0, 0, 255)
    np.testing.assert_array_equal(image, expected)
