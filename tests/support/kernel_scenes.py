"""Scenes that are difficult for rasterisers, and how close kernels must be to the oracle."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gsic_kernels.types import F32, Gradients, Splats, Window

# Largest error of a rendered value, per unit of summed |weight x colour| (at least one unit).
RENDER = 3e-6
# The same for Gaussians of aspect 1000, whose u is a difference of large numbers.
RENDER_NEEDLES = 2e-4
# Largest error of a gradient over its largest element, by name.
GRADIENTS = {"mean": 2e-5, "factor": 2e-5, "color": 1e-5}
GRADIENTS_NEEDLES = {"mean": 1e-3, "factor": 1e-3, "color": 3e-4}
# Relative error of a summed loss.
LOSS = 1e-6
# The same limits for alpha blending, whose rendered values are relative to the largest colour. A
# transmittance is a product of differences from 1: its error grows with every opaque layer.
ALPHA_GRADIENTS = {**GRADIENTS, "opacity": 1e-5, "background": 1e-5}
ALPHA_GRADIENTS_NEEDLES = {**GRADIENTS_NEEDLES, "opacity": 3e-4, "background": 3e-4}
# Pixels where a decision of alpha blending is closer than this to its threshold, relative to it,
# may differ from the oracle by a whole layer, and are not compared.
DOUBT = 1e-3
DOUBT_NEEDLES = 1e-2


class Scene(NamedTuple):
    splats: Splats
    window: Window
    background: F32
    needles: bool


def factors(sigma: np.ndarray, aspect: np.ndarray, angle: np.ndarray) -> F32:
    """Compute factors (N, 3) from minor sigma, aspect and the angle of the major axis."""
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1)
    turn = turn.reshape(-1, 2, 2)
    scale = np.stack([sigma * aspect, sigma], -1)
    # Any F with F^T F = Sigma^-1 will do; QR makes it upper triangular.
    upper = np.linalg.qr(turn.transpose(0, 2, 1) / scale[:, :, None], mode="r")
    return np.stack([upper[:, 0, 0], upper[:, 0, 1], upper[:, 1, 1]], -1).astype(np.float32)


def make(
    count: int,
    width: int,
    height: int,
    channels: int = 3,
    *,
    sigma: tuple[float, float] = (0.3, 6.0),
    aspect: tuple[float, float] = (1.0, 5.0),
    margin: float = 4.0,
    cutoff: tuple[float, float] = (1.0, 9.0),
    levels: int = 1,
    seed: int = 0,
) -> Scene:
    """Make random Gaussians over a window at the origin, with offset = exp(-cutoff).

    They lie on so many levels of lattices. Sizes and the margin are in cells of these.
    """
    rng = np.random.default_rng(seed)
    level = np.random.default_rng([seed, levels]).integers(0, levels, count, dtype=np.int32)
    size = np.array([width, height]) / 2.0 ** level[:, None]
    cutoffs = rng.uniform(*cutoff, count).astype(np.float32)
    splats = Splats(
        rng.uniform(-margin, size + margin).astype(np.float32),
        factors(
            np.exp(rng.uniform(*np.log(sigma), count)),
            np.exp(rng.uniform(*np.log(aspect), count)),
            rng.uniform(0, np.pi, count),
        ),
        rng.uniform(-0.6, 1.0, (count, channels)).astype(np.float32),
        cutoffs,
        np.exp(-cutoffs),
        level,
    )
    background = rng.uniform(0, 1, channels).astype(np.float32)
    return Scene(splats, Window(0, 0, width, height), background, aspect[1] > 100)


def _off_image() -> Scene:
    scene = make(40, 33, 21)
    mean = scene.splats.mean + np.float32(500) * np.sign(scene.splats.mean - 10)
    return scene._replace(splats=scene.splats._replace(mean=mean.astype(np.float32)))


def _one_pixel() -> Scene:
    scene = make(300, 24, 20, sigma=(0.05, 0.4), margin=0.0)
    mean = np.full_like(scene.splats.mean, 7.5)
    return scene._replace(splats=scene.splats._replace(mean=mean))


# name: scene. Widths are around columns of 8 and 16 lanes, heights around a strip of 64 rows.
SCENES: dict[str, Callable[[], Scene]] = {
    "1x1": lambda: make(9, 1, 1),
    "1 wide": lambda: make(20, 1, 71),
    "1 high": lambda: make(20, 71, 1),
    "below a lane and a strip": lambda: make(60, 15, 63),
    "a lane and a strip": lambda: make(60, 16, 64),
    "above a lane and a strip": lambda: make(60, 17, 65),
    "below 8 lanes": lambda: make(60, 7, 32),
    "8 lanes": lambda: make(60, 8, 33),
    "above 8 lanes": lambda: make(60, 9, 31),
    "primes": lambda: make(150, 97, 151),
    "none": lambda: make(0, 19, 13),
    "all off-image": _off_image,
    "all on one pixel": _one_pixel,
    "needles": lambda: make(40, 90, 70, sigma=(0.1, 0.5), aspect=(300.0, 1000.0)),
    "image-sized": lambda: make(12, 80, 70, sigma=(40.0, 90.0)),
    "far larger than the image": lambda: make(5, 40, 30, sigma=(1e3, 1e5), margin=500.0),
    "window away from the origin": lambda: moved(make(80, 45, 38), -3000, 7000),
    "grey": lambda: make(80, 41, 33, 1),
    "grey and alpha": lambda: make(80, 41, 33, 2),
    "RGB and alpha": lambda: make(80, 41, 33, 4),
}

# The same for sums, whose Gaussians may lie on coarser lattices.
LEVEL_SCENES: dict[str, Callable[[], Scene]] = {
    "two levels": lambda: make(90, 64, 48, levels=2),
    "all levels": lambda: make(200, 97, 151, levels=8),
    "all levels on 1x1": lambda: make(40, 1, 1, levels=8),
    "all levels, 1 wide": lambda: make(60, 1, 71, levels=8),
    "all levels, 1 high": lambda: make(60, 71, 1, levels=8),
    "wider than a tile": lambda: make(60, 1101, 9, levels=3),
    "below zero": lambda: moved(make(90, 45, 38, levels=5), -3001, -7003),
    "across zero": lambda: moved(make(90, 45, 38, levels=8), -19, -23),
    "far from the origin": lambda: moved(make(90, 45, 38, levels=4), 4194250, -4194301),
    "one coarse level": lambda: on_level(make(60, 50, 40, levels=4), 3),
    "none on coarse levels": lambda: on_level(make(0, 50, 40, levels=4), 3),
    "needles on levels": lambda: make(
        40, 90, 70, sigma=(0.1, 0.5), aspect=(300.0, 1000.0), levels=4
    ),
    "grey on levels": lambda: make(80, 41, 33, 1, levels=4),
    "grey and alpha on levels": lambda: make(80, 41, 33, 2, levels=4),
    "RGB and alpha on levels": lambda: make(80, 41, 33, 4, levels=4),
}
SUM_SCENES = {**SCENES, **LEVEL_SCENES}


def on_level(scene: Scene, level: int) -> Scene:
    """Put all Gaussians of a scene on one level."""
    level_of_all = np.full(len(scene.splats.mean), level, np.int32)
    return scene._replace(splats=scene.splats._replace(level=level_of_all))


def opacities(scene: Scene, low: float = 0.02, high: float = 1.3) -> F32:
    """Draw an opacity for each Gaussian: some too small to be seen, some capped."""
    rng = np.random.default_rng(11)
    return rng.uniform(low, high, len(scene.splats.mean)).astype(np.float32)


def moved(scene: Scene, x: int, y: int) -> Scene:
    """Move a scene to another place of the plane."""
    mean = scene.splats.mean + np.array([x, y]) / 2.0 ** scene.splats.level[:, None]
    window = scene.window._replace(x=scene.window.x + x, y=scene.window.y + y)
    return scene._replace(splats=scene.splats._replace(mean=mean.astype(np.float32)), window=window)


def scale_of(scene: Scene, reference: Callable[..., np.ndarray]) -> float:
    """Compute the largest sum of |weight x colour| over the pixels, at least 1, to scale errors."""
    positive = scene.splats._replace(color=np.abs(scene.splats.color))
    return max(1.0, float(reference(positive, scene.window, 0 * scene.background).max()))


def cotangent(scene: Scene) -> F32:
    """Draw a random image gradient."""
    shape = scene.window.height, scene.window.width, scene.splats.color.shape[1]
    return np.random.default_rng(7).normal(size=shape).astype(np.float32)


def check_gradients(
    gradients: Gradients, expected: Sequence[np.ndarray], needles: bool = False
) -> None:
    """Compare each gradient of a sum with the expected one, relative to its largest element."""
    for name, value, wanted in zip(Gradients._fields, gradients, expected, strict=True):
        limit = (GRADIENTS_NEEDLES if needles else GRADIENTS)[name]
        assert value.dtype == np.float32, name
        assert value.shape == wanted.shape, name
        largest = np.abs(wanted).max(initial=0.0)
        error = np.abs(value - wanted).max(initial=0.0)
        assert error <= limit * largest, f"{name}: {error} of {largest}"
