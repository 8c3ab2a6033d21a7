"""Scenes for the GPU backend, which are small: without a GPU an interpreter runs its kernels."""

import numpy as np
from kernel_scenes import SCENES, Scene, make, moved

from gsic_kernels.gpu.raster.binning import CHUNK
from gsic_kernels.types import Splats


def thin_out(scene: Scene, every: int) -> Scene:
    """Move all but each `every`th Gaussian of a scene out of sight."""
    mean = scene.splats.mean.copy()
    mean[np.arange(len(mean)) % every > 0] -= 1e4
    return scene._replace(splats=scene.splats._replace(mean=mean))


def spread(scene: Scene, levels: int) -> Scene:
    """Put the Gaussians of a scene on levels 0..levels - 1 in turn, where they are in the image."""
    level = np.arange(len(scene.splats.mean), dtype=np.int32) % levels
    mean = (scene.splats.mean / np.exp2(level)[:, None]).astype(np.float32)
    return scene._replace(splats=scene.splats._replace(mean=mean, level=level))


def raise_levels(scene: Scene, count: int) -> Scene:
    """Put all Gaussians of a scene so many levels higher."""
    splats = scene.splats
    mean = splats.mean / np.float32(2**count)
    return scene._replace(splats=splats._replace(mean=mean, level=splats.level + np.int32(count)))


# The interpreter takes milliseconds per Gaussian and tile.
SMALL = {
    "1x1": SCENES["1x1"],
    "none": SCENES["none"],
    "all off-image": SCENES["all off-image"],
    "far larger than the image": lambda: make(5, 20, 17, sigma=(1e3, 1e5), margin=500.0),
    "needles": lambda: make(16, 50, 34, sigma=(0.1, 0.5), aspect=(300.0, 1000.0)),
    "grey": lambda: make(20, 17, 33, 1),
    "grey and alpha": lambda: make(20, 31, 18, 2),
    "RGB and alpha": lambda: make(20, 33, 17, 4),
    "window away from the origin": lambda: moved(make(20, 40, 30), -3000, 7000),
    "far away": lambda: moved(make(16, 30, 20), 3_123_457, -2_098_765),
    "image-sized": lambda: make(8, 50, 40, sigma=(40.0, 90.0)),
    "all on one pixel": lambda: make(40, 20, 12, sigma=(0.05, 0.4), margin=-5.9),
    "identical": lambda: repeat_one(),
    "wide": lambda: make(9, 390, 5, sigma=(0.5, 9.0)),
    "high": lambda: make(9, 5, 390, sigma=(0.5, 9.0)),
    "several chunks": lambda: thin_out(make(CHUNK.value + 100, 30, 20), 80),
    "all levels": lambda: spread(make(32, 33, 20), 8),
    "two levels, 1x1": lambda: spread(make(9, 1, 1), 2),
    "three levels away from the origin": lambda: spread(moved(make(20, 20, 37, 1), -3001, 703), 3),
    "three levels, RGB and alpha": lambda: spread(make(20, 35, 17, 4), 3),
    "four levels, wide": lambda: spread(make(12, 300, 5, 2, sigma=(0.5, 9.0)), 4),
    "nothing below level 2": lambda: raise_levels(spread(make(12, 24, 19), 2), 2),
}


def repeat_one() -> Scene:
    """Make a scene of one Gaussian, repeated."""
    scene = make(12, 17, 17, margin=-6.0)
    return scene._replace(splats=Splats(*(np.repeat(a[:1], 12, 0) for a in scene.splats)))
