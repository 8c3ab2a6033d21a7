"""Images of profile `2dgs` for golden files and tests: random ones, and extremes of the format."""

import numpy as np

from gsic import container
from gsic.container import Container, Mode
from gsic.profiles.two_dgs.profile import TwoDgsProfile
from gsic.profiles.two_dgs.symbols import (
    BOUND_LEVELS,
    Codebook,
    Grid,
    QuantisedImage,
    Quantiser,
    make_empty_image,
)


def bounds(*pairs: tuple[float, float]) -> np.ndarray:
    """Convert bounds of columns in 0..1 to those of a quantiser."""
    return np.rint(np.array(pairs) * BOUND_LEVELS).astype(np.int64)


def random_scene(
    grid: Grid, channels: int, count: int, rows: tuple[int, int], seed: int, bits: int = 9
) -> QuantisedImage:
    """Make Gaussians of all aspects, some of them nearly or wholly transparent."""
    rng = np.random.default_rng(seed)
    shapes = Quantiser(bits, bounds((0.0, 0.3), (0.02, 0.4), (0.0, 1.0)))
    colors = Quantiser(bits, bounds(*[(0.0, 1.0)] * (channels + 1)))
    books = []
    for quantiser, size in ((shapes, rows[0]), (colors, rows[1])):
        levels = rng.integers(0, 1 << bits, (size, len(quantiser.bounds)))
        # Every row is used; the first ones far more often than the last.
        more = np.minimum(rng.geometric(0.2, count - size) - 1, size - 1)
        index = rng.permutation(np.concatenate((np.arange(size), more)))
        books.append(Codebook(quantiser, levels, index))
    places = Quantiser(10, bounds((0.0, 1.0), (0.05, 0.9)))
    position = rng.integers(0, 1 << 10, (count, 2))
    return QuantisedImage(grid, places, position, *books)


def corners(grid: Grid) -> QuantisedImage:
    """Make an RGB image of one bit, with equal bounds, a scale of 0 and opacities of 0 and 1."""
    places = Quantiser(1, bounds((0.0, 1.0), (0.5, 0.5)))
    shapes = Quantiser(1, bounds((0.0, 1.0), (0.25, 0.25), (0.5, 0.5)))
    colors = Quantiser(1, bounds((0.0, 1.0), (1.0, 1.0), (0.0, 0.0), (0.0, 1.0)))
    index = np.array([0, 1, 1, 0, 1], np.int64)
    return QuantisedImage(
        grid,
        places,
        np.array([[0, 0], [1, 0], [0, 0], [1, 0], [0, 0]], np.int64),
        Codebook(shapes, np.array([[0, 0, 0], [1, 0, 0]], np.int64), index),
        Codebook(colors, np.array([[0, 0, 0, 0], [1, 0, 0, 1]], np.int64), index[::-1].copy()),
    )


def file_of(scene: QuantisedImage, mode: Mode) -> bytes:
    """Make a `.gsi` file of an image."""
    profile = TwoDgsProfile()
    width, height = scene.grid.width, scene.grid.height
    return container.write(Container(profile.number, width, height, mode, *profile.write(scene)))


def files() -> dict[str, bytes]:
    """Make the golden files, by name."""
    rgb, full = Mode.RGB, Grid(31, 23, 1, False)
    return {
        "2dgs-rgb": file_of(random_scene(full, 3, 60, (16, 20), seed=1), rgb),
        "2dgs-normalised": file_of(random_scene(Grid(29, 18, 1, True), 3, 40, (8, 8), 2), rgb),
        "2dgs-half": file_of(random_scene(Grid(27, 20, 2, True), 3, 40, (8, 9), seed=3), rgb),
        "2dgs-l": file_of(random_scene(Grid(21, 30, 1, False), 1, 50, (9, 7), seed=4), Mode.L),
        "2dgs-rgba": file_of(random_scene(Grid(22, 19, 2, False), 4, 40, (9, 7), 5), Mode.RGBA),
        "2dgs-one": file_of(random_scene(Grid(6, 4, 1, True), 3, 1, (1, 1), seed=6), rgb),
        "2dgs-column": file_of(random_scene(Grid(1, 33, 2, True), 3, 20, (5, 5), seed=7), rgb),
        "2dgs-corners": file_of(corners(Grid(9, 7, 1, False)), rgb),
        "2dgs-none": file_of(make_empty_image(Grid(5, 3, 1, False), 3), rgb),
    }
