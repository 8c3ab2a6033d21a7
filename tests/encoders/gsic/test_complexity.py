"""What the cosine transform of an image foretells of its encoding."""

import itertools
import math

import numpy as np
import pytest
from fit_images import Float32, photo_cut, planes_of

from gsic.encoders.gsic import complexity
from gsic.encoders.gsic.complexity import Complexity, most_gaussians
from gsic.profiles.gsic.dequantisation import make_color_transform
from gsic.profiles.gsic.symbols import MAX_STEP_INDEX, find_step_index

INDICES = range(0, MAX_STEP_INDEX + 1, 7)


def complexity_of(planes: Float32) -> Complexity:
    background = planes.mean(axis=(0, 1), dtype=np.float64)
    return Complexity(planes, background, make_color_transform(planes.shape[2]))


def photo(name: str = "hats") -> Complexity:
    return complexity_of(photo_cut(name).astype(np.float32) / np.float32(255))


def psnr_of_background(planes: Float32) -> float:
    error = np.square(planes - planes.mean(axis=(0, 1), dtype=np.float64)).mean()
    return -10.0 * math.log10(error)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(8, 8), (40, 24), (64, 96)])
def test_the_transform_keeps_the_energy(shape: tuple[int, int], channels: int) -> None:
    """Parseval: the error of rounding every coefficient to 0 is that of the background alone."""
    planes = planes_of(*shape, channels)
    expected = psnr_of_background(planes) + complexity._PSNR_OFFSET
    assert complexity_of(planes).predict_psnr(MAX_STEP_INDEX) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("shape", [(13, 9), (33, 47), (100, 7)])
def test_padding_counts_little(shape: tuple[int, int]) -> None:
    planes = planes_of(*shape)
    expected = psnr_of_background(planes) + complexity._PSNR_OFFSET
    assert complexity_of(planes).predict_psnr(MAX_STEP_INDEX) == pytest.approx(expected, abs=0.6)


def test_a_cosine_is_one_coefficient() -> None:
    x = np.cos(np.pi * (np.arange(8) + 0.5) * 3 / 8)
    planes = (0.5 + 0.25 * np.tile(x, (8, 1)))[..., None].astype(np.float32)
    # Its amplitude in an orthonormal transform is its norm.
    norm = 0.25 * math.sqrt(8 * 4)
    one = complexity_of(planes)
    assert one._count_above(0.99 * norm) == 1
    assert one._count_above(1.01 * norm) == 0


@pytest.mark.parametrize("name", ["hats", "macaws"])
def test_finer_steps_look_better_and_take_more(name: str) -> None:
    one = photo(name)
    psnrs, counts = (
        [one.predict_psnr(i) for i in INDICES],
        [one.count_gaussians(i) for i in INDICES],
    )
    assert all(fine >= coarse for fine, coarse in itertools.pairwise(psnrs))
    assert all(fine >= coarse for fine, coarse in itertools.pairwise(counts))
    assert psnrs[0] > 55
    assert counts[0] == most_gaussians(192 * 128)
    assert counts[-1] == 1


def test_what_is_looked_up_is_found() -> None:
    one = photo()
    for psnr in (20.0, 25.0, 31.3, 40.0):
        index = one.index_of_psnr(psnr)
        assert one.predict_psnr(index) < psnr <= one.predict_psnr(index - 1)
    for count in (5, 100, 1000):
        index = one.index_of_gaussians(count)
        assert one.count_gaussians(index) < count <= one.count_gaussians(index - 1)
    assert one.index_of_psnr(500.0) == 0
    assert one.index_of_psnr(0.0) == MAX_STEP_INDEX


def test_texture_takes_more_than_smoothness() -> None:
    index = find_step_index(0.2)
    assert photo("macaws").count_gaussians(index) > 1.2 * photo("hats").count_gaussians(index)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (8, 8)])
def test_flat_images(shape: tuple[int, int]) -> None:
    one = complexity_of(np.full((*shape, 3), 0.25, np.float32))
    index = find_step_index(0.1)
    assert one.count_gaussians(index) == 1
    assert one.predict_psnr(index) > 100
    assert 0 <= one.index_of_psnr(50.0) <= MAX_STEP_INDEX


def test_part_of_a_large_image_stands_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = photo("macaws")
    monkeypatch.setattr(complexity, "_MOST_BLOCKS", 100)
    part = photo("macaws")
    assert len(part._magnitude) < len(whole._magnitude) / 3
    for step in (0.5, 0.1, 0.02):
        index = find_step_index(step)
        assert part.predict_psnr(index) == pytest.approx(whole.predict_psnr(index), abs=1.0)
        assert part.count_gaussians(index) == pytest.approx(whole.count_gaussians(index), rel=0.3)
