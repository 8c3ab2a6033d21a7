"""Samples after decoding: alpha, 8 bits, orientation."""

import numpy as np
import pytest

from gsic.images.samples import add_alpha, divide_by_alpha, reduce_to_8_bits, turn_upright


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_divided_by_alpha_blend_to_what_they_were(dtype: type) -> None:
    full = np.iinfo(dtype).max
    alpha = np.arange(1, 256, dtype=np.int64)[None, :, None] * (full // 255)
    colours = alpha * np.array([0, 77, 255]) // 255
    samples = np.concatenate([colours, alpha], axis=-1).astype(dtype)
    divided = divide_by_alpha(samples).astype(np.float64)
    assert np.abs(divided[..., :-1] * alpha / full - colours).max() <= 0.5
    np.testing.assert_array_equal(divided[..., -1:], alpha)


def test_colours_brighter_than_alpha_become_full() -> None:
    samples = np.array([[[200, 100], [5, 0]]], np.uint8)
    np.testing.assert_array_equal(divide_by_alpha(samples), [[[255, 100], [255, 0]]])


def test_one_value_becomes_transparent() -> None:
    samples = np.array([[0, 85, 170, 255]], np.uint8)
    expected = [[[0, 255], [85, 0], [170, 255], [255, 255]]]
    np.testing.assert_array_equal(add_alpha(samples, (1,), 2), expected)


def test_rounding_to_8_bits() -> None:
    values = np.array([[0, 128, 129, 257, 385, 386, 65535]], np.uint16)
    np.testing.assert_array_equal(reduce_to_8_bits(values), [[0, 0, 1, 1, 1, 2, 255]])


@pytest.mark.parametrize("orientation", [0, 1, 9, -3])
def test_other_orientations_turn_nothing(orientation: int) -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(turn_upright(image, orientation), image)
