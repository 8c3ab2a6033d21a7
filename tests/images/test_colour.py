"""Colours: code points, transfer functions, and the conversion to sRGB."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsic.images import colour

RGB = np.array([[[0, 0, 0], [255, 255, 255], [200, 100, 50], [0, 255, 0]]], np.uint8)


@pytest.mark.parametrize(
    "points", [(1, 13), (1, 1), (1, 6), (2, 2), (2, 13), (1, 4), (3, 13), (1, 99), (1, 0)]
)
def test_code_points_of_srgb_or_unknown_change_nothing(points: tuple[int, int]) -> None:
    assert colour.from_code_points(*points) is None


@pytest.mark.parametrize(
    ("points", "name"),
    [((12, 13), "Display P3"), ((9, 16), "BT.2020 PQ"), ((1, 8), "BT.709 linear"), ((9, 18), "BT")],
)
def test_code_points_are_named(points: tuple[int, int], name: str) -> None:
    found = colour.from_code_points(*points)
    assert found is not None
    assert name in found.name


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("points", [(12, 13), (9, 1), (11, 13), (1, 8), (9, 16), (9, 18), (10, 13)])
def test_black_and_neutral_stay_neutral(points: tuple[int, int], dtype: type) -> None:
    found = colour.from_code_points(*points)
    assert found is not None
    grey = np.linspace(0, np.iinfo(dtype).max, 64).astype(dtype)
    shown = colour.convert_to_srgb(np.stack([grey] * 3, axis=-1)[None], found)[0].astype(int)
    assert np.ptp(shown, axis=1).max() <= 1
    assert shown[0, 0] == 0
    assert (np.diff(shown[:, 0]) >= 0).all()
    if points[1] not in (16, 18):
        assert shown[-1, 0] >= 254


def test_wide_gamuts_against_the_matrices_of_css_color_4() -> None:
    p3 = colour.from_code_points(12, 13)
    assert p3 is not None
    shown = colour.convert_to_srgb(RGB, p3)
    np.testing.assert_array_equal(shown[0], [[0, 0, 0], [255] * 3, [215, 93, 31], [0, 255, 0]])


def test_the_white_of_hdr_without_highlights_is_bright() -> None:
    # 203 cd/m^2 is 0.5807 in PQ and 0.75 in HLG (ITU-R BT.2408); both come out alike.
    shades = []
    for transfer, level in ((16, 0.5807), (18, 0.75)):
        found = colour.from_code_points(9, transfer)
        assert found is not None
        white = np.full((1, 1, 3), round(level * 65535), np.uint16)
        shades.append(int(colour.convert_to_srgb(white, found)[0, 0, 0]))
    assert abs(shades[0] - shades[1]) <= 1
    assert 180 <= shades[0] <= 200


def test_alpha_is_only_reduced() -> None:
    p3 = colour.from_code_points(12, 13)
    assert p3 is not None
    image = np.zeros((1, 3, 4), np.uint16)
    image[0, :, 3] = [0, 32768, 65535]
    np.testing.assert_array_equal(colour.convert_to_srgb(image, p3)[0, :, 3], [0, 128, 255])


@given(st.lists(st.floats(allow_nan=True), min_size=8, max_size=8), st.floats())
def test_nonsense_is_left_out_or_gives_finite_colours(values: list[float], exponent: float) -> None:
    pairs = list(zip(values[::2], values[1::2], strict=True))
    found = colour.choose(colour.Primaries(*pairs), float(exponent), "nonsense")
    if found is not None:
        assert colour.convert_to_srgb(RGB, found).shape == RGB.shape
