"""RDOQ by strips against RDOQ of the whole image."""

from __future__ import annotations

import numpy as np
import pytest
from fit_images import Float32, planes_of
from gsic_scenes import random_scene

from gsic.encoders.gsic import rdoq_strips
from gsic.encoders.gsic.rdoq import run_rdoq
from gsic.profiles.gsic import code_lengths
from gsic.profiles.gsic.dequantisation import dequantise_gaussians
from gsic.profiles.gsic.symbols import Header, QuantisedImage, Symbols
from gsic_kernels.registry import get
from gsic_kernels.types import Window

WIDTH, HEIGHT, LAMBDA = 40, 403, 0.15


def make_scene(seed: int = 4) -> tuple[Float32, QuantisedImage]:
    """An image that Gaussians are not far from, and these."""
    header, symbols = random_scene(WIDTH, HEIGHT, 3, 500, seed=seed)
    noise = 0.2 * (planes_of(HEIGHT, WIDTH) - np.float32(0.5))
    planes = np.clip(draw(header, symbols) + noise, 0.0, 1.0)
    return planes.astype(np.float32), QuantisedImage(header, symbols)


def draw(header: Header, symbols: Symbols) -> Float32:
    splats = dequantise_gaussians(header, symbols).place_on_lattices().splats
    window = Window(0, 0, header.width, header.height)
    return get("cpu").render_sum(splats, window, header.background_color.astype(np.float32))


def cost(planes: Float32, state: QuantisedImage) -> float:
    header, symbols = state
    error = np.clip(draw(header, symbols), 0.0, 1.0) - planes
    bits = code_lengths.estimate_bits(header, symbols)
    return float(np.square(error, dtype=np.float64).sum()) + LAMBDA * header.step**2 * bits


def use_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the image into strips of 64 rows with margins of 32."""
    monkeypatch.setattr(rdoq_strips, "_WHOLE_PIXELS", 1000)
    monkeypatch.setattr(rdoq_strips, "_STRIP_PIXELS", 60 * WIDTH)
    monkeypatch.setattr(rdoq_strips, "_SHARE", 0.5)


@pytest.mark.parametrize("passes", [1, 3])
def test_strips_save_what_the_whole_saves(passes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    planes, state = make_scene()
    before = cost(planes, state)
    whole = before - cost(planes, run_rdoq(planes, state, LAMBDA, passes))
    use_strips(monkeypatch)
    by_strips = before - cost(planes, run_rdoq(planes, state, LAMBDA, passes))
    assert whole > 0.05 * before
    assert by_strips > 0.93 * whole


def test_threads_change_no_symbol(monkeypatch: pytest.MonkeyPatch) -> None:
    planes, state = make_scene()
    use_strips(monkeypatch)
    one, *others = (
        run_rdoq(planes, state, LAMBDA, 2, threads=threads).symbols for threads in (1, 2, 5)
    )
    assert len(one) < len(state.symbols)
    for other in others:
        assert not one.find_differences(other).any()


def test_a_gaussian_that_reaches_too_far_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over an image without them, no Gaussians pay: narrow ones go, those of all rows stay."""
    header = Header(WIDTH, HEIGHT, 3, 600, (120, 120, 120))
    narrow, wide = 4, 2
    count = narrow + wide
    symbols = Symbols(
        np.zeros(count, np.int64),
        np.full(count, 2),
        np.stack((np.full(count, 20), 30 + 60 * np.arange(count)), axis=1),
        np.repeat([8, 60], [narrow, wide]),
        np.zeros((count, 2), np.int64),
        np.tile([3, 0, 0], (count, 1)),
    )
    planes = np.full((HEIGHT, WIDTH, 3), 120 / 255, np.float32)
    state = QuantisedImage(header, symbols)
    assert len(run_rdoq(planes, state, LAMBDA, 1).symbols) == 0
    use_strips(monkeypatch)
    kept = run_rdoq(planes, state, LAMBDA, 1).symbols
    assert not kept.find_differences(symbols.select(np.arange(narrow, count))).any()
