"""Profile `2dgs` to bytes and back."""

import numpy as np
import pytest
from two_dgs_scenes import file_of, random_scene

from gsic import api as codec
from gsic import container
from gsic.container import Container, Mode
from gsic.profiles.two_dgs import bitstream
from gsic.profiles.two_dgs.dequantisation import (
    dequantise,
)
from gsic.profiles.two_dgs.profile import TwoDgsProfile
from gsic.profiles.two_dgs.symbols import (
    Grid,
    QuantisedImage,
)


def same(one: QuantisedImage, other: QuantisedImage) -> bool:
    """Whether two scenes are the same Gaussians in the same order."""
    seen = [dequantise(scene) for scene in (one, other)]
    return one.grid == other.grid and all(
        np.array_equal(np.array(a), np.array(b)) for a, b in zip(*seen, strict=True)
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("rows", [(1, 1), (2, 30), (30, 1)])
def test_round_trip(channels: int, rows: tuple[int, int]) -> None:
    scene = random_scene(Grid(40, 30, 2, True), channels, 60, rows, seed=channels)
    parameters, payload = bitstream.write(scene)
    mode = (Mode.L, Mode.LA, Mode.RGB, Mode.RGBA)[channels - 1]
    back = bitstream.read(Container(3, 40, 30, mode, parameters, payload))
    assert same(scene, back)
    assert bitstream.write(back) == (parameters, payload)


def test_the_order_of_gaussians_is_kept_and_seen() -> None:
    scene = random_scene(Grid(40, 30, 1, False), 3, 50, (5, 9), seed=8)
    drawn = codec.decode(file_of(scene, Mode.RGB))
    backwards = np.arange(len(scene))[::-1]
    turned = QuantisedImage(
        scene.grid,
        scene.position_quantiser,
        scene.position[backwards],
        *(
            type(book)(book.quantiser, book.rows, book.index[backwards])
            for book in (scene.shapes, scene.colors)
        ),
    )
    assert not np.array_equal(codec.decode(file_of(turned, Mode.RGB)), drawn)


def test_rows_that_nobody_uses_are_left_out() -> None:
    scene = random_scene(Grid(40, 30, 1, False), 3, 40, (12, 9), seed=9)
    index = np.where(scene.shapes.index == 3, 4, scene.shapes.index)
    fewer = QuantisedImage(
        scene.grid,
        scene.position_quantiser,
        scene.position,
        type(scene.shapes)(scene.shapes.quantiser, scene.shapes.rows, index),
        scene.colors,
    )
    back = bitstream.read(Container(3, 40, 30, Mode.RGB, *bitstream.write(fewer)))
    assert len(back.shapes.rows) == 11
    assert same(fewer, back)


def test_estimated_bytes() -> None:
    for rows, count in ((32, 150), (128, 900)):
        scene = random_scene(Grid(400, 300, 1, False), 3, count, (rows, rows), seed=rows)
        parameters, payload = bitstream.write(scene)
        expected = bitstream.estimate_bytes(count, rows, 3, 10, 9)
        # Geometric indices take fewer bits than those of fits.
        assert 0.75 * expected < len(parameters + payload) < 1.05 * expected


def test_what_info_says() -> None:
    file = container.read(file_of(random_scene(Grid(40, 30, 2, True), 3, 60, (7, 8), 1), Mode.RGB))
    assert TwoDgsProfile().describe(file) == {
        "gaussians": 60,
        "shape_rows": 7,
        "color_rows": 8,
        "position_bits": 10,
        "codebook_bits": 9,
        "axes": "normalised",
        "resolution": "half",
    }
