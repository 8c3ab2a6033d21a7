"""JPEG: missing last bytes, and the kinds that are refused."""

from collections.abc import Callable

import numpy as np
import pytest
from image_files import file_of
from numpy.typing import NDArray
from PIL import Image

from gsic import images
from gsic.errors import InputError

Scene = Callable[..., NDArray[np.uint8]]


@pytest.mark.parametrize("progressive", [False, True])
def test_a_missing_end_marker_is_said(progressive: bool, scene: Scene) -> None:
    data = file_of(Image.fromarray(scene(70, 90)), "JPEG", progressive=progressive)
    whole = images.load(data)
    assert whole.notes == []
    for missing in (1, 2):
        loaded = images.load(data[:-missing])
        np.testing.assert_array_equal(loaded.image, whole.image)
        assert loaded.notes == ["image data: is damaged after its last pixel"]


@pytest.mark.parametrize("progressive", [False, True])
def test_missing_pixels_are_refused(progressive: bool, scene: Scene) -> None:
    data = file_of(Image.fromarray(scene(70, 90)), "JPEG", progressive=progressive)
    for end in (len(data) - 12, len(data) // 2, 300):
        with pytest.raises(InputError, match="truncated"):
            images.load(data[:end])


@pytest.mark.parametrize(
    ("code", "precision", "said"),
    [(0xC3, 8, "lossless"), (0xC5, 8, "hierarchical"), (0xF7, 8, "JPEG-LS"), (0xC1, 12, "12 bits")],
)
def test_kinds_that_are_refused_are_named(code: int, precision: int, said: str) -> None:
    data = bytearray(file_of(Image.new("L", (16, 16), 90), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = code, precision
    with pytest.raises(InputError, match=said):
        images.load(bytes(data))
