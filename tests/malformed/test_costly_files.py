"""Small files that ask for much: time and memory stay in proportion, or the file is refused."""

import time
import tracemalloc
from dataclasses import replace

import gaussianimage_scenes
import gsic_scenes
import numpy as np
import pytest
from numpy.typing import NDArray
from two_dgs_scenes import bounds, file_of

import gsic
from gsic import container
from gsic.coding import bits_back
from gsic.container import Container, Mode, encode_varint
from gsic.errors import CorruptFile, LimitError
from gsic.options import Limits
from gsic.profiles.gsic.symbols import Header, Symbols
from gsic.profiles.two_dgs.symbols import Codebook, Grid, QuantisedImage, Quantiser


def make_needles(width: int, height: int, count: int, angle: float = 0.25) -> bytes:
    """Make a file of blended Gaussians that are as long as the image and a hundredth as wide."""
    none = np.zeros(count, np.int64)
    shapes = Quantiser(1, bounds((0.01, 0.01), (1.0, 1.0), (angle, angle)))
    colors = Quantiser(1, bounds((0.01, 0.01), (1.0, 1.0)))
    image = QuantisedImage(
        Grid(width, height, 1, False),
        Quantiser(1, bounds((0.0, 1.0), (0.0, 1.0))),
        np.random.default_rng(0).integers(0, 2, (count, 2)),
        Codebook(shapes, np.zeros((1, 3), np.int64), none),
        Codebook(colors, np.zeros((1, 2), np.int64), none),
    )
    return file_of(image, Mode.L)


def make_wide(width: int, height: int, count: int) -> bytes:
    """Make a file of Gaussians each of which covers the whole image."""
    none, pairs = np.zeros(count, np.int64), np.zeros((count, 2), np.int64)
    color = np.full((count, 1), 2**20)
    symbols = Symbols(none - 8, none, pairs, none + 14, pairs, color)
    return gsic_scenes.file_of(Header(width, height, 1, 600, (0,)), symbols, Mode.L)


def test_long_thin_gaussians_count_with_their_boxes() -> None:
    """Kernels look for their pixels in all of the box, whose area is many times larger."""
    assert gsic.decode(make_needles(128, 128, 4000), threads=1).shape == (128, 128)
    for size, angle in (((128, 128), 0.25), ((1, 2**16), 0.0)):
        data = make_needles(*size, 60000, angle)
        assert len(data) < 16_000
        with pytest.raises(LimitError, match="image: 60000 Gaussians cover"):
            gsic.decode(data)


def test_gaussians_are_limited_before_they_are_read() -> None:
    """A payload may hold a hundred Gaussians in a byte, each of which takes memory."""
    many = make_wide(64, 64, 30)
    assert gsic.decode(many, limits=Limits(gaussians=30)).shape == (64, 64)
    with pytest.raises(LimitError, match="parameters: 30 Gaussians, the limit is 29"):
        gsic.decode(many, limits=Limits(gaussians=29))
    count = 2**20 + 64 * 64
    for more in (0, 1):
        parameters = encode_varint(600) + b"\0" + encode_varint(count + more) + b"\1\0"
        data = container.write(Container(1, 64, 64, Mode.L, parameters, b"\1" + bytes(4000)))
        assert gsic.info(data)["gaussians"] == count + more
        with pytest.raises(LimitError if more else CorruptFile):
            gsic.decode(data)


def test_the_area_is_limited_in_all() -> None:
    """A file of a few bytes may not ask for minutes, however many pixels it has."""
    data = make_wide(11585, 11585, 129)
    assert len(data) < 120
    with pytest.raises(LimitError, match=r"129 Gaussians cover 1\.73e\+10 pixels"):
        gsic.decode(data)
    small = make_wide(64, 64, 4)
    assert gsic.decode(small, limits=Limits(area=4 * 64 * 64)).shape == (64, 64)
    with pytest.raises(LimitError, match="the limit is 1"):
        gsic.decode(small, limits=Limits(area=4 * 64 * 64 - 1))


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 0.01])
@pytest.mark.parametrize("size", [(2**20, 1), (1, 2**20)])
def test_thin_blended_images_are_sampled_along_each_axis(
    size: tuple[int, int], scale: float
) -> None:
    data = make_needles(*size, 5)
    gsic.decode(make_needles(8, 8, 5), scale=0.5, threads=1)
    tracemalloc.start()
    image = gsic.decode(data, scale=scale, threads=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sorted(image.shape) == [1, max(1, round(scale * 2**20))]
    assert peak < 64 * 2**20


def test_samples_beyond_the_longest_side_are_refused() -> None:
    data = make_needles(2**22, 1, 5)
    with pytest.raises(LimitError, match="samples, a side has at most"):
        gsic.decode(data, scale=0.8)
    assert gsic.decode(data, scale=0.8, region=(1000, 0, 90, 1)).shape == (1, 90)


def test_sets_take_little_more_than_linear_time() -> None:
    """One sorted list of all rows would take a hundred times as long for ten times the rows."""
    seconds = []
    for count in (5_000, 50_000):
        image = gaussianimage_scenes.scene(count, coding="packed", bits=1, stages=1, size=2)
        data = gaussianimage_scenes.file_of(replace(image, plain=count))
        began = time.process_time()
        gsic.decode(data, limits=Limits(area_per_pixel=1e9), threads=1)
        seconds.append(time.process_time() - began)
    assert seconds[1] < 40 * seconds[0] + 0.5


@pytest.mark.parametrize("rows", [2, 3, 5])
def test_sets_come_back_from_blocks(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bits_back, "_BLOCK_ROWS", rows)
    image = gaussianimage_scenes.scene(90, bits_back="full")
    twins = gaussianimage_scenes.with_twins(image)
    for scene in (image, gaussianimage_scenes.choose_bits_back(twins, "full")):
        read = gaussianimage_scenes.PROFILE.read(
            container.read(gaussianimage_scenes.file_of(scene))
        )
        assert sort_rows(read.rows) == sort_rows(scene.rows)


def sort_rows(rows: NDArray[np.int64]) -> list[list[int]]:
    return sorted(rows.tolist())
