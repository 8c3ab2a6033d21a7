"""The Gaussians that kernels are timed with."""

import numpy as np

from gsic_kernels.types import Splats

WIDTH, HEIGHT, CHANNELS = 768, 512, 3
SIZES = [(3000, 6.0), (10000, 3.3), (70000, 1.4)]


def scene(count: int, sigma: float, seed: int = 1) -> Splats:
    """The Gaussians of the benchmark as `Splats`."""
    rng = np.random.default_rng(seed)
    lower = np.zeros((count, 2, 2))
    lower[:, [0, 1], [0, 1]] = rng.uniform(0.5, 1.5, (count, 2)) * sigma
    lower[:, 1, 0] = rng.uniform(-0.7, 0.7, count) * sigma
    precision = np.linalg.inv(lower @ lower.transpose(0, 2, 1))
    upper = np.linalg.cholesky(precision).transpose(0, 2, 1)
    factor = np.stack([upper[:, 0, 0], upper[:, 0, 1], upper[:, 1, 1]], -1)
    cutoff = np.full(count, 4.5, np.float32)
    return Splats(
        rng.uniform((0, 0), (WIDTH, HEIGHT), (count, 2)).astype(np.float32),
        factor.astype(np.float32),
        rng.uniform(-0.5, 1.0, (count, CHANNELS)).astype(np.float32),
        cutoff,
        np.exp(-cutoff),
        np.zeros(count, np.int32),
    )
