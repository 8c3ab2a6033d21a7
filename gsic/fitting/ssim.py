"""Structural similarity to one image, and its gradient by torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

# Wang et al., 2004: window and constants, for values of 0..1.
_TAPS, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


class Similarity:
    """Mean SSIM of images to a target, over the channels and wherever the window fits.

    The window is Gaussian, 11 x 11 with a standard deviation of 1.5 px; along a shorter side it
    is as long as that side, so that there is a place for it.
    """

    def __init__(self, target: Float32, threads: int) -> None:
        """Filter the target once.

        Args:
            target: float32 (H, W, C), 0..1.
            threads: how many threads torch may use.
        """
        self._threads = threads
        height, width, _ = target.shape
        self._across = _window(width).reshape(1, 1, 1, -1)
        self._down = _window(height).reshape(1, 1, -1, 1)
        with _torch_threads(threads), torch.no_grad():
            self._target = _planes(target)
            self._mean = self._filtered(self._target)
            self._square = self._mean**2
            self._variance = self._filtered(self._target**2) - self._square

    def compare(self, image: Float32) -> tuple[float, Float32]:
        """SSIM and its gradient.

        Args:
            image: float32, the shape of the target, 0..1.

        Returns:
            The mean, up to 1, and its derivative by each value, float32 (H, W, C).
        """
        with _torch_threads(self._threads):
            planes = _planes(image)
            stacked = torch.cat((planes, planes * self._target, planes * planes), dim=1)
            means = self._filtered(stacked).requires_grad_()
            similarity = self._map(*means.chunk(3, dim=1))
            even = torch.full_like(similarity, 1.0 / similarity.numel())
            (slopes,) = torch.autograd.grad(similarity, means, even)
            # The window is symmetric: filtering with a margin of zeros is the transpose.
            first, product, square = self._filtered(slopes, transposed=True).chunk(3, dim=1)
            slope = first + product * self._target + 2.0 * square * planes
        mean = float(similarity.detach().numpy().mean(dtype=np.float64))
        return mean, np.ascontiguousarray(slope.numpy()[0].transpose(1, 2, 0))

    def _map(
        self, mean: torch.Tensor, products: torch.Tensor, squares: torch.Tensor
    ) -> torch.Tensor:
        """SSIM at every place, from means of the image, its product with the target, its square."""
        square, product = mean * mean, mean * self._mean
        luminance = (2.0 * product + _C1) / (square + self._square + _C1)
        variances = squares - square + self._variance
        return luminance * (2.0 * (products - product) + _C2) / (variances + _C2)

    def _filtered(self, planes: torch.Tensor, transposed: bool = False) -> torch.Tensor:
        """Weighted means under the window of (1, planes, H, W), or the transpose of that."""
        count = planes.shape[1]
        for taps in (self._across, self._down):
            if transposed:
                rows, columns = taps.shape[2] - 1, taps.shape[3] - 1
                # Not by the convolution's own padding, which takes four times as long.
                planes = functional.pad(planes, (columns, columns, rows, rows))
            # A group for each plane: one filter of many images is ten times slower.
            planes = functional.conv2d(planes, taps.expand(count, -1, -1, -1), groups=count)
        return planes


def _window(side: int) -> torch.Tensor:
    taps = min(_TAPS, side)
    distance = np.arange(taps) - (taps - 1) / 2.0
    weights = np.exp(-(distance**2) / (2.0 * _SIGMA**2))
    return torch.from_numpy((weights / weights.sum()).astype(np.float32))


def _planes(image: Float32) -> torch.Tensor:
    """(H, W, C) as (1, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
