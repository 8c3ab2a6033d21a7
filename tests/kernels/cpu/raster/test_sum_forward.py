"""Rendering sums on the CPU: images match the reference; what changes no bit."""

from typing import Any

import numpy as np
import pytest
from kernel_scenes import RENDER, RENDER_NEEDLES, SCENES, Scene, make, moved, scale_of
from poisoned_numpy import PoisonedNumpy

from gsic_kernels import reference, registry
from gsic_kernels.cpu.raster import sum as render
from gsic_kernels.cpu.raster import workspace
from gsic_kernels.types import Splats, Window

DEVICES = ["cpu", "cpu-scalar"]


@pytest.fixture(autouse=True)
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the uninitialised memory of kernels with values that would show in a result."""
    for module in (workspace, render):
        monkeypatch.setattr(module, "np", PoisonedNumpy())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SCENES)
def test_rendering_matches_the_reference(name: str, device: str) -> None:
    scene = SCENES[name]()
    image = registry.get(device).render_sum(*scene[:3])
    expected = reference.render_sum(*scene[:3])
    tolerance = RENDER_NEEDLES if scene.needles else RENDER
    assert image.dtype == np.float32
    np.testing.assert_allclose(
        image, expected, rtol=0, atol=tolerance * scale_of(scene, reference.render_sum)
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SCENES)
def test_bytes_are_the_rendering_rounded(name: str, device: str) -> None:
    scene = SCENES[name]()
    backend = registry.get(device)
    data = backend.render_sum_bytes(*scene[:3])
    image = backend.render_sum(*scene[:3]).astype(np.float64)
    levels = np.clip(image, 0, 1) * 255
    assert data.dtype == np.uint8
    assert data.shape == image.shape
    # Half a level, and what float32 rounds away in the product.
    assert np.abs(data - levels).max() <= 0.5 + 255 * 2**-23


def test_bytes_are_rounded_half_up_and_clamped() -> None:
    none = make(0, 1, 1).splats
    for value, level in [(-3.0, 0), (0.5 / 255, 1), (0.49 / 255, 0), (1.0, 255), (9.0, 255)]:
        background = np.full(3, value, np.float32)
        data = registry.get("cpu").render_sum_bytes(none, Window(0, 0, 1, 1), background)
        assert data.ravel().tolist() == [level] * 3


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(3))
def test_a_sharp_rim_is_where_the_reference_has_it(seed: int, device: str) -> None:
    """Without an offset, a pixel missed at the rim is an error of exp(-cutoff), up to 0.6 here."""
    scene = make(30, 83, 71, 1, sigma=(0.3, 9.0), aspect=(1.0, 60.0), cutoff=(0.5, 4.0), seed=seed)
    splats = scene.splats._replace(
        offset=np.zeros(30, np.float32), color=np.ones((30, 1), np.float32)
    )
    image = registry.get(device).render_sum(splats, scene.window, 0 * scene.background)
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


@pytest.mark.parametrize("device", DEVICES)
def test_invalid_gaussians_contribute_nothing(device: str) -> None:
    scene = make(120, 50, 40)
    good = scene.splats
    bad = Splats(*(array.copy() for array in good))
    bad.mean[0], bad.mean[1, 1], bad.mean[2] = np.nan, np.inf, -np.inf
    bad.factor[3], bad.factor[4, 1], bad.factor[5] = 0.0, np.nan, (2e3, 0.0, 1.0)
    bad.factor[6], bad.factor[7, 2] = (1e-12, 0.0, 1e-12), -np.inf
    bad.color[8, 2], bad.cutoff[9], bad.cutoff[10], bad.offset[11] = np.inf, np.nan, -1.0, np.nan
    backend = registry.get(device)
    image = backend.render_sum(bad, scene.window, scene.background)
    kept = Splats(*(array[12:] for array in good))
    assert np.array_equal(image, backend.render_sum(kept, scene.window, scene.background))
    gradients = backend.render_sum_backward(bad, scene.window, image)
    assert all((gradient[:12] == 0).all() for gradient in gradients)
    assert all((gradient[12:] != 0).any() for gradient in gradients)


@pytest.mark.parametrize("device", DEVICES)
def test_the_sign_of_the_factor_changes_no_bit(device: str) -> None:
    scene = make(60, 50, 40)
    render = registry.get(device).render_sum
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
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", BIT_SCENES)
def test_a_window_equals_the_crop_bit_for_bit(name: str, device: str) -> None:
    scene = BIT_SCENES[name]()
    # Without an offset the rim is sharp, so a span that is too short would show.
    splats = scene.splats._replace(offset=0 * scene.splats.offset)
    backend = registry.get(device)
    image = backend.render_sum(splats, scene.window, scene.background)
    data = backend.render_sum_bytes(splats, scene.window, scene.background)
    for window in windows(scene, 12):
        x, y = window.x - scene.window.x, window.y - scene.window.y
        part = np.s_[y : y + window.height, x : x + window.width]
        assert np.array_equal(
            backend.render_sum(splats, window, scene.background, threads=2), image[part]
        )
        assert np.array_equal(
            backend.render_sum_bytes(splats, window, scene.background, threads=2), data[part]
        )


@pytest.mark.parametrize("device", DEVICES)
def test_the_number_of_threads_changes_no_bit(device: str) -> None:
    # Several work items prepare so many Gaussians.
    scene = make(5000, 130, 140, sigma=(0.3, 2.0))
    backend = registry.get(device)
    image = backend.render_sum(*scene[:3], threads=1)
    data = backend.render_sum_bytes(*scene[:3], threads=1)
    for threads in (2, 3, 4):
        assert np.array_equal(image, backend.render_sum(*scene[:3], threads=threads))
        assert np.array_equal(data, backend.render_sum_bytes(*scene[:3], threads=threads))


@pytest.mark.parametrize("threads", [1, 3])
def test_tall_gaussians_need_longer_lists_than_first_allocated(threads: int) -> None:
    scene = make(90, 11, 700, 1, sigma=(300.0, 900.0))
    image = registry.get("cpu").render_sum(*scene[:3], threads=threads)
    expected = reference.render_sum(*scene[:3])
    np.testing.assert_allclose(
        image, expected, rtol=0, atol=RENDER * scale_of(scene, reference.render_sum)
    )


def test_scalar_loops_match_vectors() -> None:
    scene = make(300, 97, 61)
    difference = registry.get("cpu").render_sum(*scene[:3]) - registry.get("cpu-scalar").render_sum(
        *scene[:3]
    )
    assert np.abs(difference).max() <= 2 * RENDER * scale_of(scene, reference.render_sum)


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
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    change: dict[str, Any], error: type[Exception]
) -> None:
    scene = make(3, 8, 8)
    arguments: dict[str, Any] = {"window": scene.window, "background": scene.background}
    arguments |= {k: v for k, v in change.items() if k not in Splats._fields}
    splats = scene.splats._replace(**{k: v for k, v in change.items() if k in Splats._fields})
    for function in (registry.get("cpu").render_sum, registry.get("cpu").render_sum_bytes):
        with pytest.raises(error):
            function(splats, **arguments)


def test_arrays_need_not_be_contiguous() -> None:
    scene = make(30, 20, 20)
    striped = Splats(*(np.repeat(array, 2, axis=0)[::2] for array in scene.splats))
    assert np.array_equal(
        registry.get("cpu").render_sum(*scene[:3]),
        registry.get("cpu").render_sum(striped, scene.window, scene.background),
    )
