"""Rendering sums on the CPU: images match the reference; what changes no bit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_scenes import RENDER, RENDER_NEEDLES, SUM_SCENES, Scene, make, moved, scale_of
from poisoned_numpy import PoisonedNumpy

from gsic_kernels import reference, registry
from gsic_kernels.cpu.runtime import allocation
from gsic_kernels.cpu.sums import render, workspace
from gsic_kernels.types import Splats, Window

BACKEND = registry.get("cpu")


@pytest.fixture(autouse=True)
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the uninitialised memory of kernels with values that would show in a result."""
    for module in (workspace, render, allocation):
        monkeypatch.setattr(module, "np", PoisonedNumpy())


@pytest.mark.parametrize("name", SUM_SCENES)
def test_rendering_matches_the_reference(name: str) -> None:
    scene = SUM_SCENES[name]()
    image = BACKEND.render_sum(*scene[:3])
    expected = reference.render_sum(*scene[:3])
    tolerance = RENDER_NEEDLES if scene.needles else RENDER
    assert image.dtype == np.float32
    np.testing.assert_allclose(
        image, expected, rtol=0, atol=tolerance * scale_of(scene, reference.render_sum)
    )


@pytest.mark.parametrize("name", SUM_SCENES)
def test_bytes_are_the_rendering_rounded(name: str) -> None:
    scene = SUM_SCENES[name]()
    data = BACKEND.render_sum_bytes(*scene[:3])
    image = BACKEND.render_sum(*scene[:3]).astype(np.float64)
    levels = np.clip(image, 0, 1) * 255
    assert data.dtype == np.uint8
    assert data.shape == image.shape
    # Half a level, and what float32 rounds away in the product.
    assert np.abs(data - levels).max() <= 0.5 + 255 * 2**-23


# The memory stays poisoned from one example to the next, which is as good.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 12),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.integers(1, 4),
    st.integers(1, 8),
    st.tuples(*[st.integers(-300, 300)] * 2),
    st.integers(1, 3),
    st.integers(0, 1000),
)
def test_any_scene_in_any_window_matches_the_reference(
    count: int,
    size: tuple[int, int],
    channels: int,
    levels: int,
    origin: tuple[int, int],
    threads: int,
    seed: int,
) -> None:
    scene = moved(make(count, *size, channels, levels=levels, seed=seed), *origin)
    image = BACKEND.render_sum(*scene[:3], threads)
    scale = scale_of(scene, reference.render_sum)
    expected = reference.render_sum(*scene[:3])
    np.testing.assert_allclose(image, expected, rtol=0, atol=RENDER * scale)
    bright = np.clip(expected, 0, 1) * 255
    data = BACKEND.render_sum_bytes(*scene[:3], threads)
    assert np.abs(data - bright).max() <= 0.5 + 255 * RENDER * scale


def test_bytes_are_rounded_half_up_and_clamped() -> None:
    none = make(0, 1, 1).splats
    for value, level in [(-3.0, 0), (0.5 / 255, 1), (0.49 / 255, 0), (1.0, 255), (9.0, 255)]:
        background = np.full(3, value, np.float32)
        data = BACKEND.render_sum_bytes(none, Window(0, 0, 1, 1), background)
        assert data.ravel().tolist() == [level] * 3


@pytest.mark.parametrize("seed", range(3))
def test_a_sharp_rim_is_where_the_reference_has_it(seed: int) -> None:
    """Without an offset, a pixel missed at the rim is an error of exp(-cutoff), up to 0.6 here."""
    scene = make(30, 83, 71, 1, sigma=(0.3, 9.0), aspect=(1.0, 60.0), cutoff=(0.5, 4.0), seed=seed)
    splats = scene.splats._replace(
        offset=np.zeros(30, np.float32), color=np.ones((30, 1), np.float32)
    )
    image = BACKEND.render_sum(splats, scene.window, 0 * scene.background)
    expected = reference.render_sum(splats, scene.window, 0 * scene.background)
    # A pixel may differ only if its q is within rounding of the cutoff.
    differ = np.abs(image - expected) > 1e-4
    wider, thinner = (
        reference.render_sum(
            splats._replace(cutoff=splats.cutoff * np.float32(1 + change)),
            scene.window,
            0 * scene.background,
        )
        for change in (2e-5, -2e-5)
    )
    assert not (differ & (wider == thinner)).any()
    assert differ.mean() < 1e-3


def test_invalid_gaussians_contribute_nothing() -> None:
    scene = make(120, 50, 40, levels=3)
    good = scene.splats
    bad = Splats(*(array.copy() for array in good))
    bad.mean[0], bad.mean[1, 1], bad.mean[2] = np.nan, np.inf, -np.inf
    bad.factor[3], bad.factor[4, 1], bad.factor[5] = 0.0, np.nan, (2e3, 0.0, 1.0)
    bad.factor[6], bad.factor[7, 2] = (1e-12, 0.0, 1e-12), -np.inf
    bad.color[8, 2], bad.cutoff[9], bad.cutoff[10], bad.offset[11] = np.inf, np.nan, -1.0, np.nan
    image = BACKEND.render_sum(bad, scene.window, scene.background)
    kept = Splats(*(array[12:] for array in good))
    assert np.array_equal(image, BACKEND.render_sum(kept, scene.window, scene.background))
    gradients = BACKEND.render_sum_backward(bad, scene.window, image)
    assert all((gradient[:12] == 0).all() for gradient in gradients)
    assert all((gradient[12:] != 0).any() for gradient in gradients)


def test_the_sign_of_the_factor_changes_no_bit() -> None:
    scene = make(60, 50, 40)
    render = BACKEND.render_sum
    turned = scene.splats._replace(factor=-scene.splats.factor)
    assert np.array_equal(render(*scene[:3]), render(turned, scene.window, scene.background))


def windows(scene: Scene, count: int) -> list[Window]:
    """Draw random parts of the window of a scene."""
    rng = np.random.default_rng(5)
    x0, y0, width, height = scene.window
    answer = []
    for _ in range(count):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        w, h = int(rng.integers(1, width - x + 1)), int(rng.integers(1, height - y + 1))
        answer.append(Window(x0 + x, y0 + y, w, h))
    return answer


BIT_SCENES = {
    "mixed": lambda: make(400, 130, 140),
    "needles": lambda: make(60, 130, 140, sigma=(0.05, 0.5), aspect=(100.0, 1000.0)),
    "image-sized": lambda: make(10, 130, 140, sigma=(60.0, 900.0)),
    "far away": lambda: moved(make(200, 130, 140), 123457, -98765),
    "levels": lambda: make(400, 130, 140, levels=8),
    "levels far away": lambda: moved(make(200, 130, 140, levels=8), 123457, -98765),
}


@pytest.mark.parametrize("name", BIT_SCENES)
def test_a_window_equals_the_crop_bit_for_bit(name: str) -> None:
    scene = BIT_SCENES[name]()
    # Without an offset the rim is sharp, so a span that is too short would show.
    splats = scene.splats._replace(offset=0 * scene.splats.offset)
    image = BACKEND.render_sum(splats, scene.window, scene.background)
    data = BACKEND.render_sum_bytes(splats, scene.window, scene.background)
    for window in windows(scene, 12):
        x, y = window.x - scene.window.x, window.y - scene.window.y
        part = np.s_[y : y + window.height, x : x + window.width]
        assert np.array_equal(
            BACKEND.render_sum(splats, window, scene.background, threads=2), image[part]
        )
        assert np.array_equal(
            BACKEND.render_sum_bytes(splats, window, scene.background, threads=2), data[part]
        )


def test_the_number_of_threads_changes_no_bit() -> None:
    # Several work items prepare so many Gaussians.
    scene = make(5000, 130, 140, sigma=(0.3, 2.0), levels=6)
    image = BACKEND.render_sum(*scene[:3], threads=1)
    data = BACKEND.render_sum_bytes(*scene[:3], threads=1)
    for threads in (2, 3, 4):
        assert np.array_equal(image, BACKEND.render_sum(*scene[:3], threads=threads))
        assert np.array_equal(data, BACKEND.render_sum_bytes(*scene[:3], threads=threads))


@pytest.mark.parametrize("threads", [1, 3])
def test_gaussians_in_many_tiles_need_longer_lists_than_first_allocated(threads: int) -> None:
    scene = make(90, 11, 1500, 1, sigma=(300.0, 900.0))
    image = BACKEND.render_sum(*scene[:3], threads=threads)
    expected = reference.render_sum(*scene[:3])
    np.testing.assert_allclose(
        image, expected, rtol=0, atol=RENDER * scale_of(scene, reference.render_sum)
    )


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"mean": np.zeros((3, 2))}, TypeError),
        ({"mean": [[0.0, 0.0]]}, TypeError),
        ({"mean": np.zeros((3, 3), np.float32)}, ValueError),
        ({"factor": np.zeros((2, 3), np.float32)}, ValueError),
        ({"color": np.zeros((3, 5), np.float32)}, ValueError),
        ({"color": np.zeros(3, np.float32)}, ValueError),
        ({"cutoff": np.zeros((3, 1), np.float32)}, ValueError),
        ({"window": Window(0, 0, 0, 4)}, ValueError),
        ({"window": Window(1 << 30, 0, 4, 4)}, ValueError),
        ({"background": np.zeros(2, np.float32)}, ValueError),
        ({"threads": 0}, ValueError),
        ({"level": np.zeros(3)}, TypeError),
        ({"level": np.zeros(2, np.int32)}, ValueError),
        ({"level": np.full(3, -1, np.int32)}, ValueError),
        ({"level": np.full(3, 8, np.int32)}, ValueError),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    change: dict[str, Any], error: type[Exception]
) -> None:
    scene = make(3, 8, 8)
    arguments: dict[str, Any] = {"window": scene.window, "background": scene.background}
    arguments |= {k: v for k, v in change.items() if k not in Splats._fields}
    splats = scene.splats._replace(**{k: v for k, v in change.items() if k in Splats._fields})
    for function in (BACKEND.render_sum, BACKEND.render_sum_bytes):
        with pytest.raises(error):
            function(splats, **arguments)


def test_arrays_need_not_be_contiguous() -> None:
    scene = make(30, 20, 20)
    striped = Splats(*(np.repeat(array, 2, axis=0)[::2] for array in scene.splats))
    assert np.array_equal(
        BACKEND.render_sum(*scene[:3]),
        BACKEND.render_sum(striped, scene.window, scene.background),
    )
