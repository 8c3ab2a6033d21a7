"""SSIM to one image, and its gradient, by torch: the SSIM of the losses of GaussianImage.

`gsic_kernels.cpu.losses.ssim.SsimLoss` computes another mean. It pads the image with zeros and
takes the window at every pixel, as 2DGS does; here, as in GaussianImage, the window is taken only
where it fits into the image. The values differ along the borders, so neither can replace the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as functional

from gsic.arrays import Float32
from gsic_kernels.constants import SSIM_K1, SSIM_K2, SSIM_SIGMA_PX, SSIM_TAPS

# Of values in 0..1.
_C1, _C2 = SSIM_K1**2, SSIM_K2**2


class Similarity:
    """Mean SSIM (Wang et al., 2004) of images to a target.

    The mean is over the channels and over all places where the window fits. The window is Gaussian,
    11 x 11 with a standard deviation of 1.5 px; along a side shorter than 11 px it is as long as
    that side, so that it fits at one place.

    Args:
        target: float32 (H, W, C), 0..1. It is filtered once.
        threads: number of threads that torch may use.
    """

    def __init__(self, target: Float32, threads: int) -> None:
        self._threads = threads
        height, width, _ = target.shape
        self._across = _make_window(width).reshape(1, 1, 1, -1)
        self._down = _make_window(height).reshape(1, 1, -1, 1)
        with _set_torch_threads(threads), torch.no_grad():
            self._target = _to_torch(target)
            self._mean = self._filter(self._target)
            self._square = self._mean**2
            self._variance = self._filter(self._target**2) - self._square

    def compare(self, image: Float32) -> tuple[float, Float32]:
        """Compute the mean SSIM of an image and its gradient.

        Args:
            image: float32 (H, W, C), the shape of the target, 0..1.

        Returns:
            The mean, up to 1, and its derivative by each value, float32 (H, W, C).
        """
        with _set_torch_threads(self._threads):
            planes = _to_torch(image)
            stacked = torch.cat((planes, planes * self._target, planes * planes), dim=1)
            means = self._filter(stacked).requires_grad_()
            similarity = self._compute_map(*means.chunk(3, dim=1))
            even = torch.full_like(similarity, 1.0 / similarity.numel())
            (by_means,) = torch.autograd.grad(similarity, means, even)
            # The window is symmetric: filtering with a margin of zeros is the transpose.
            first, product, square = self._filter(by_means, transposed=True).chunk(3, dim=1)
            gradient = first + product * self._target + 2.0 * square * planes
        mean = float(similarity.detach().numpy().mean(dtype=np.float64))
        return mean, np.ascontiguousarray(gradient.numpy()[0].transpose(1, 2, 0))

    def _compute_map(
        self, mean: torch.Tensor, products: torch.Tensor, squares: torch.Tensor
    ) -> torch.Tensor:
        """Compute SSIM at every place.

        Args:
            mean: window means of the image.
            products: window means of the image times the target.
            squares: window means of the squared image.
        """
        square, product = mean * mean, mean * self._mean
        luminance = (2.0 * product + _C1) / (square + self._square + _C1)
        variances = squares - square + self._variance
        return luminance * (2.0 * (products - product) + _C2) / (variances + _C2)

    def _filter(self, planes: torch.Tensor, transposed: bool = False) -> torch.Tensor:
        """Apply the window to each of (1, planes, H, W), or the transpose of that."""
        count = planes.shape[1]
        for taps in (self._across, self._down):
            if transposed:
                rows, columns = taps.shape[2] - 1, taps.shape[3] - 1
                # Not by the convolution's own padding, which takes four times as long.
                planes = functional.pad(planes, (columns, columns, rows, rows))
            # A group for each plane: one filter of many images is ten times slower.
            planes = functional.conv2d(planes, taps.expand(count, -1, -1, -1), groups=count)
        return planes


def _make_window(side: int) -> torch.Tensor:
    """Return the weights of the window along a side, float32 (min(11, side),), their sum 1."""
    taps = min(SSIM_TAPS, side)
    distance = np.arange(taps) - (taps - 1) / 2.0
    weights = np.exp(-(distance**2) / (2.0 * SSIM_SIGMA_PX**2))
    return torch.from_numpy((weights / weights.sum()).astype(np.float32))


def _to_torch(image: Float32) -> torch.Tensor:
    """Convert an image (H, W, C) to a tensor (1, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


@contextmanager
def _set_torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads, and restore its number of threads afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
