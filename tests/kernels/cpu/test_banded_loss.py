"""A loss that works band by band against the one that works on the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from gsic_kernels.cpu.backend import make_sum_loss
from gsic_kernels.cpu.losses import banded_loss
from gsic_kernels.cpu.losses.banded_loss import BandedLoss
from gsic_kernels.cpu.losses.sum_loss import SumLoss
from gsic_kernels.types import Splats

# Three bands of 128 rows and one of 41.
HEIGHT, WIDTH = 425, 150


@pytest.fixture(autouse=True)
def small_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banded_loss, "BAND_PIXELS", 128 * WIDTH)


def make_scene(channels: int) -> tuple[Splats, np.ndarray, np.ndarray]:
    """Gaussians of every size and level, inside and outside, on the borders of bands, and none."""
    rng = np.random.default_rng(3)
    count = 300
    level = rng.integers(0, 8, count).astype(np.int32)
    mean = rng.uniform((-40, -80), (WIDTH + 40, HEIGHT + 80), (count, 2))
    mean[:40, 1] = 128.0 * rng.integers(0, 4, 40) + rng.uniform(-2, 2, 40)
    sigma = rng.uniform(0.6, 4.0, count)
    factor = np.stack([1 / sigma, rng.normal(0, 0.1, count), 1 / (sigma * 1.5)], 1)
    cutoff = rng.uniform(0.5, 6.0, count)
    cutoff[::17] = -1.0
    splats = Splats(
        (mean / 2.0 ** level[:, None]).astype(np.float32),
        factor.astype(np.float32),
        rng.normal(0.0, 0.3, (count, channels)).astype(np.float32),
        cutoff.astype(np.float32),
        np.exp(-cutoff).astype(np.float32) * (cutoff > 0),
        level,
    )
    target = rng.uniform(0.0, 1.0, (HEIGHT, WIDTH, channels)).astype(np.float32)
    return splats, target, np.full(channels, 0.4, np.float32)


@pytest.mark.parametrize(("loss", "stopped"), [("l2", False), ("l1", False), ("l2", True)])
@pytest.mark.parametrize("channels", [1, 3])
def test_bands_add_up_to_the_whole(channels: int, loss: str, stopped: bool) -> None:
    splats, target, background = make_scene(channels)
    whole = SumLoss(target, loss, stopped=stopped)
    banded = BandedLoss(target, loss, stopped=stopped)
    assert len(banded._bands) == 4
    for _ in range(2):
        expected, gradients = whole.step(splats, background)
        found, ours = banded.step(splats, background)
        assert found == pytest.approx(expected, rel=1e-6)
        for name, one, other in zip(gradients._fields, gradients, ours, strict=True):
            scale = np.abs(one).max(axis=0)
            # Errors that are nearly 0 may have another sign.
            tolerance = (3e-2 if loss == "l1" else 2e-5) * scale
            assert (np.abs(one - other) <= tolerance).all(), name
    assert banded.sse(splats, background) == pytest.approx(whole.sse(splats, background), rel=1e-6)


def test_the_error_is_that_of_the_whole_in_any_rows() -> None:
    splats, target, background = make_scene(3)
    whole, banded = SumLoss(target), BandedLoss(target)
    assert not banded.error()[:].any()  # Gaussians may be added before the first step
    whole.step(splats, background)
    banded.step(splats, background)
    error = banded.error()
    assert error.shape == target.shape
    for rows in (slice(None), slice(0, 7), slice(100, 300), slice(421, None)):
        np.testing.assert_allclose(error[rows], whole.error()[rows], atol=2e-6)


def test_threads_change_no_bit() -> None:
    splats, target, background = make_scene(3)
    results = [BandedLoss(target, threads=n).step(splats, background) for n in (1, 2)]
    assert results[0][0] == results[1][0]
    for one, other in zip(results[0][1], results[1][1], strict=True):
        assert np.array_equal(one, other)


def test_large_images_have_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsic_kernels.cpu.backend.BAND_PIXELS", 100)
    assert isinstance(make_sum_loss(np.zeros((10, 10, 1), np.float32)), SumLoss)
    assert isinstance(make_sum_loss(np.zeros((11, 10, 1), np.float32)), BandedLoss)
