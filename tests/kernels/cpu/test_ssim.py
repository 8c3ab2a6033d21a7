"""The SSIM kernel, with zeros outside the image: values and gradient against torch in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from gsic_kernels import registry
from gsic_kernels.cpu.losses.ssim import SsimLoss
from gsic_kernels.cpu.losses.window import BAND, make_window

SHAPES = [(1, 1, 2), (3, 4, 1), (BAND + 7, 17, 4), (40, 70, 3)]


def images(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.random(shape, np.float32)
    return target, np.clip(target + rng.normal(0, 0.2, shape), -0.1, 1.1).astype(np.float32)


def by_torch(
    image: np.ndarray, target: np.ndarray, absolute: float, structure: float
) -> tuple[float, float, np.ndarray]:
    """Compute mean absolute error, mean SSIM (Wang et al., 2004) and the gradient of their mix."""
    channels = image.shape[2]
    taps = torch.exp(-((torch.arange(11.0, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()
    kernel = (taps[:, None] * taps).expand(channels, 1, 11, 11)
    x, t = (
        torch.tensor(each, dtype=torch.float64).permute(2, 0, 1)[None] for each in (image, target)
    )
    x.requires_grad_()

    def filtered(planes: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(planes, kernel, padding=5, groups=channels)

    mu, nu = filtered(x), filtered(t)
    variances = filtered(x * x) - mu**2 + filtered(t * t) - nu**2
    ssim = (2 * mu * nu + 1e-4) * (2 * (filtered(x * t) - mu * nu) + 9e-4)
    ssim = ssim / ((mu**2 + nu**2 + 1e-4) * (variances + 9e-4))
    error = (x - t).abs().mean()
    (absolute * error + structure * (1 - ssim).mean()).backward()
    gradient = x.grad[0].permute(1, 2, 0).numpy()
    return error.item(), ssim.mean().item(), gradient


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weights", [(0.5, 0.25), (1.0, 0.0), (0.0, 1.0)])
def test_values_and_gradient_follow_torch(
    shape: tuple[int, ...], weights: tuple[float, float]
) -> None:
    target, image = images(shape)
    seen = SsimLoss(target).compare(image, *weights)
    error, ssim, gradient = by_torch(image, target, *weights)
    assert seen.absolute == pytest.approx(error, rel=1e-5)
    assert seen.squared == pytest.approx(np.square(image - target).mean(), rel=1e-5)
    assert seen.ssim == pytest.approx(ssim, abs=1e-5)
    largest = np.abs(gradient).max()
    assert np.abs(seen.gradient - gradient).max() < 2e-5 * largest


def test_equal_images_have_no_error_and_no_gradient() -> None:
    target, _ = images((30, 20, 3))
    seen = SsimLoss(target).compare(target.copy(), 1.0, 0.0)
    assert (seen.absolute, seen.squared) == (0.0, 0.0)
    assert seen.ssim == pytest.approx(1.0, abs=1e-6)
    assert not seen.gradient.any()


def test_results_do_not_depend_on_threads() -> None:
    target, image = images((3 * BAND + 5, 33, 3))
    one, four = (SsimLoss(target, threads).compare(image, 0.5, 0.25) for threads in (1, 4))
    assert one[:3] == four[:3]
    assert np.array_equal(one.gradient, four.gradient)


def test_calls_do_not_depend_on_those_before() -> None:
    target, image = images((20, 20, 3))
    loss = registry.get("cpu").SsimLoss(target, 1)
    first = loss.compare(image, 0.5, 0.25)
    kept = first.gradient.copy()
    loss.compare(target, 0.5, 0.25)
    again = loss.compare(image, 0.5, 0.25)
    assert again.ssim == first.ssim
    assert np.array_equal(again.gradient, kept)


def test_the_window_sums_to_one() -> None:
    assert make_window().sum() == pytest.approx(1.0, abs=1e-6)
    assert np.array_equal(make_window(), make_window()[::-1])


def test_invalid_arguments_are_refused() -> None:
    target, image = images((8, 9, 3))
    with pytest.raises(ValueError, match="target must be"):
        SsimLoss(target[..., 0])
    with pytest.raises(TypeError, match="float32"):
        SsimLoss(target.astype(np.float64))
    with pytest.raises(ValueError, match="image must have shape"):
        SsimLoss(target).compare(image[1:], 1.0, 0.0)
    with pytest.raises(ValueError, match="threads"):
        SsimLoss(target, 0)
