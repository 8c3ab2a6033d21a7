"""Kernels of the GPU backend against the oracle and the CPU.

Without a GPU, `test_interpreted` runs these tests under Triton's interpreter.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gpu_scenes import SMALL, spread
from kernel_scenes import (
    ALPHA_GRADIENTS,
    ALPHA_GRADIENTS_NEEDLES,
    DOUBT,
    DOUBT_NEEDLES,
    GRADIENTS,
    GRADIENTS_NEEDLES,
    LOSS,
    RENDER,
    RENDER_NEEDLES,
    Scene,
    make,
    moved,
    opacities,
    scale_of,
)

from gsic.encoders.gsic.ms_ssim import make_surrogate_loss
from gsic_kernels import reference, registry
from gsic_kernels.gpu import backend as gpu_backend
from gsic_kernels.gpu import launch
from gsic_kernels.gpu.raster import gradient_buffers, tile_lists
from gsic_kernels.gpu.raster.device_arrays import DeviceGradients, DeviceSplats
from gsic_kernels.gpu.raster.records import prepare
from gsic_kernels.gpu.raster.renderer import Renderer
from gsic_kernels.types import F32, Splats, Window

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("poison")]

GPU = gpu_backend.backend("cuda")
CPU = registry.get("cpu")
DEVICE = gpu_backend.choose_device()


def make_gradient(shape: tuple[int, ...]) -> F32:
    """Make a derivative by an image of this shape."""
    return np.random.default_rng(7).normal(size=shape).astype(np.float32)


def check(gradients: Any, expected: Any, limits: dict[str, float]) -> None:
    """Assert that each gradient is right within a share of its largest value."""
    for name, value, wanted in zip(limits, gradients, expected, strict=True):
        assert value.dtype == np.float32, name
        assert value.shape == wanted.shape, name
        error, largest = np.abs(value - wanted).max(initial=0), np.abs(wanted).max(initial=0)
        assert error <= limits[name] * largest, f"{name}: {error} of {largest}"


@pytest.mark.parametrize("name", SMALL)
def test_sums_follow_the_oracle(name: str) -> None:
    scene = SMALL[name]()
    expected = reference.render_sum(*scene[:3])
    limit = (RENDER_NEEDLES if scene.needles else RENDER) * scale_of(scene, reference.render_sum)
    image = GPU.render_sum(*scene[:3])
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, expected, rtol=0, atol=limit)
    data = GPU.render_sum_bytes(*scene[:3])
    assert data.dtype == np.uint8
    levels = np.clip(image.astype(np.float64), 0, 1) * 255
    assert np.abs(data - levels).max() <= 0.5 + 255 * 2**-23
    of_cpu = CPU.render_sum_bytes(*scene[:3]).astype(int)
    assert np.abs(data - of_cpu).max() <= 1
    assert (data != of_cpu).mean() < (0.02 if scene.needles else 0.002)


@pytest.mark.parametrize("name", SMALL)
def test_gradients_of_sums_follow_the_oracle(name: str) -> None:
    scene = SMALL[name]()
    grad = make_gradient((scene.window.height, scene.window.width, scene.splats.color.shape[1]))
    expected = reference.render_sum_backward(*scene[:2], grad.astype(np.float64))
    gradients = GPU.render_sum_backward(*scene[:2], grad)
    check(gradients, expected, GRADIENTS_NEEDLES if scene.needles else GRADIENTS)


@pytest.mark.parametrize("name", [*SMALL, "opaque"])
def test_blends_and_their_gradients_follow_the_oracle(name: str) -> None:
    if name == "opaque":
        scene = make(60, 16, 15, sigma=(3.0, 9.0))
        opacity = opacities(scene, 0.8, 1.5)
    else:
        scene = SMALL[name]()
        opacity = opacities(scene)
    arguments = scene.splats, opacity, scene.window, scene.background
    expected = reference.render_alpha(*arguments)
    sure = expected.margin > (DOUBT_NEEDLES if scene.needles else DOUBT)
    assert sure.mean() > 0.9
    if name == "opaque":
        assert (expected.stop < 60).mean() > 0.5
    blended = GPU.render_alpha(*arguments)
    assert [array.dtype for array in blended] == [np.float32, np.float32, np.int32]
    limit = RENDER_NEEDLES if scene.needles else RENDER
    for value, wanted in zip(blended[:2], expected[:2], strict=True):
        np.testing.assert_allclose(value[sure], wanted[sure], rtol=0, atol=limit)
    assert np.array_equal(blended.stop[sure], expected.stop[sure])
    grad = make_gradient(expected.image.shape) * sure[:, :, None].astype(np.float32)
    wanted = reference.render_alpha_backward(*arguments, grad.astype(np.float64))
    limits = ALPHA_GRADIENTS_NEEDLES if scene.needles else ALPHA_GRADIENTS
    check(GPU.render_alpha_backward(*arguments, blended, grad), wanted, limits)


@pytest.mark.parametrize("seed", range(2))
def test_sharp_rims_follow_the_oracle(seed: int) -> None:
    """Without an offset, a pixel missed at the rim is an error of exp(-cutoff), up to 0.6 here."""
    scene = make(12, 43, 31, 1, sigma=(0.3, 9.0), aspect=(1.0, 60.0), cutoff=(0.5, 4.0), seed=seed)
    flat = {"offset": np.zeros(12, np.float32), "color": np.ones((12, 1), np.float32)}
    splats, black = scene.splats._replace(**flat), 0 * scene.background
    image = GPU.render_sum(splats, scene.window, black)
    differ = np.abs(image - reference.render_sum(splats, scene.window, black)) > 1e-4
    # Only a pixel whose q is within rounding of the cutoff may differ.
    wider, thinner = (
        reference.render_sum(
            splats._replace(cutoff=splats.cutoff * np.float32(1 + change)), scene.window, black
        )
        for change in (2e-5, -2e-5)
    )
    assert not (differ & (wider == thinner)).any()


@pytest.mark.parametrize(
    "scene",
    [
        make(24, 45, 40),
        spread(moved(make(20, 40, 33), -5, 8), 4),
        moved(make(12, 45, 40, sigma=(0.05, 0.5), aspect=(100.0, 1000.0)), 123457, -98765),
    ],
)
def test_a_window_is_the_crop_bit_for_bit(scene: Scene) -> None:
    # A sharp rim and no offset: pixels that were lost would show.
    splats, opacity = scene.splats._replace(offset=0 * scene.splats.offset), opacities(scene)
    x, y, width, height = scene.window
    window, part = Window(x + 13, y + 7, width - 20, height - 9), np.s_[7:-2, 13:-7]
    for render in (GPU.render_sum, GPU.render_sum_bytes):
        whole = render(splats, scene.window, scene.background)
        assert np.array_equal(render(splats, window, scene.background), whole[part])
    blends = [
        GPU.render_alpha(splats, opacity, where, scene.background)
        for where in (window, scene.window)
    ]
    for cut, full in zip(*blends, strict=True):
        assert np.array_equal(cut, full[part])


def test_invalid_gaussians_contribute_nothing() -> None:
    scene = spread(make(26, 20, 18), 3)
    good, opacity = scene.splats, opacities(scene)
    bad = Splats(*(array.copy() for array in good))
    bad.mean[0], bad.mean[1, 1], bad.mean[2] = np.nan, np.inf, -np.inf
    bad.factor[3], bad.factor[4, 1], bad.factor[5] = 0.0, np.nan, (2e3, 0.0, 1.0)
    bad.factor[6], bad.factor[7, 2] = (1e-12, 0.0, 1e-12), -np.inf
    bad.color[8, 2], bad.cutoff[9], bad.cutoff[10], bad.offset[11] = np.inf, np.nan, -1.0, np.nan
    kept = Splats(*(array[12:] for array in good))
    where = scene.window, scene.background
    image = GPU.render_sum(bad, *where)
    assert np.array_equal(image, GPU.render_sum(kept, *where))
    blended = GPU.render_alpha(bad, opacity, *where)
    assert np.array_equal(blended.image, GPU.render_alpha(kept, opacity[12:], *where).image)
    both = (
        GPU.render_sum_backward(bad, scene.window, image),
        GPU.render_alpha_backward(bad, opacity, *where, blended, image)[:4],
    )
    for gradients in both:
        assert all((gradient[:12] == 0).all() for gradient in gradients)
        assert all((gradient[12:] != 0).any() for gradient in gradients)


def test_gaussians_without_opacity_contribute_nothing() -> None:
    scene = make(6, 20, 9)
    opacity = np.array([0.0, -3.0, np.nan, np.inf, 0.0039, 1e-45], np.float32)
    arguments = scene.splats, opacity, scene.window, scene.background
    blended = GPU.render_alpha(*arguments)
    assert (blended.image == scene.background).all()
    assert (blended.transmittance == 1).all()
    assert (blended.stop == 6).all()
    gradients = GPU.render_alpha_backward(*arguments, blended, blended.image)
    assert all((gradient == 0).all() for gradient in gradients[:4])


@pytest.mark.parametrize(
    ("loss", "channels", "stopped", "levels"),
    [
        ("l2", 1, False, 1),
        ("l2", 3, True, 2),
        ("l1", 1, True, 1),
        ("l1", 3, False, 1),
        ("l2", 4, False, 3),
        ("l1", 2, True, 3),
    ],
)
def test_losses_equal_those_of_the_cpu(
    loss: Any, channels: int, stopped: bool, levels: int
) -> None:
    scene = spread(make(14, 27, 20, channels, sigma=(1.0, 6.0)), levels)
    target = np.random.default_rng(3).uniform(0, 1, (20, 27, channels)).astype(np.float32)
    ours, theirs = (backend.SumLoss(target, loss, stopped=stopped) for backend in (GPU, CPU))
    flat = scene.splats._replace(level=0 * scene.splats.level)
    for splats in (scene.splats, Splats(*(array[:9] for array in flat))):
        value, gradients = ours.step(splats, scene.background)
        wanted, expected = theirs.step(splats, scene.background)
        assert value == pytest.approx(wanted, rel=LOSS)
        check(gradients, expected, {name: 2 * limit for name, limit in GRADIENTS.items()})
        error = ours.error()
        np.testing.assert_allclose(error, theirs.error()[:], rtol=0, atol=1e-5)
        squares = ours.sse(splats, scene.background)
        assert squares == pytest.approx(theirs.sse(splats, scene.background), rel=LOSS)
        assert squares == pytest.approx((error.astype(np.float64) ** 2).sum(), rel=LOSS)


def test_tuned_losses_equal_those_of_the_cpu() -> None:
    scene = make(14, 27, 20, 3, sigma=(1.0, 6.0))
    target = np.random.default_rng(3).uniform(0, 1, (20, 27, 3)).astype(np.float32)
    ours, theirs = (make_surrogate_loss(backend, target, 0.1, 2, 1) for backend in (GPU, CPU))
    for share in (1.0, 0.9, 0.8):
        splats = scene.splats._replace(color=np.float32(share) * scene.splats.color)
        value, gradients = ours.step(splats, scene.background)
        wanted, expected = theirs.step(splats, scene.background)
        assert value == pytest.approx(wanted, rel=10 * LOSS)
        check(gradients, expected, {name: 10 * limit for name, limit in GRADIENTS.items()})


def test_calls_are_repeatable_bit_for_bit() -> None:
    scene = spread(make(10, 20, 18), 3)
    grad, opacity = make_gradient((18, 20, 3)), opacities(scene)
    where = scene.window, scene.background
    loss = GPU.SumLoss(np.full((18, 20, 3), 0.5, np.float32))

    def everything() -> list[np.ndarray]:
        blended = GPU.render_alpha(scene.splats, opacity, *where)
        value, gradients = loss.step(scene.splats, scene.background)
        return [
            GPU.render_sum(scene.splats, *where),
            *GPU.render_sum_backward(scene.splats, scene.window, grad),
            *blended,
            *GPU.render_alpha_backward(scene.splats, opacity, *where, blended, grad),
            np.array(value),
            *gradients,
        ]

    first, second = everything(), everything()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def send(splats: Splats) -> DeviceSplats:
    """Copy splats to the device."""
    return DeviceSplats(*(torch.tensor(array).to(DEVICE) for array in splats))


def test_lists_that_are_too_short_grow(monkeypatch: pytest.MonkeyPatch, fenced_memory: Any) -> None:
    """Nothing is written behind their end, and the next rendering is right."""
    for module, guess in (
        (tile_lists, "_SECTORS_EACH"),
        (tile_lists, "_TILES_EACH"),
        (gradient_buffers, "_TILES_EACH"),
    ):
        monkeypatch.setattr(module, guess, 0)
        monkeypatch.setattr(module, "_LEAST", 7)
    scene = spread(make(16, 40, 35), 3)
    splats, grad = send(scene.splats), make_gradient((35, 40, 3))
    renderer = Renderer(40, 35, 3, 16, DEVICE)
    gradients = DeviceGradients(*(torch.empty_like(array) for array in splats[:3]))
    sent_grad = torch.tensor(grad).to(DEVICE)
    rounds = 1
    renderer.render_sum_backward(splats, 3, scene.window, sent_grad, gradients)
    assert fenced_memory.is_intact()
    assert len(renderer.lists.pairs) == 7
    while renderer.grow():
        renderer.render_sum_backward(splats, 3, scene.window, sent_grad, gradients)
        assert fenced_memory.is_intact()
        rounds += 1
    assert 2 <= rounds <= 4
    expected = reference.render_sum_backward(*scene[:2], grad.astype(np.float64))
    check([array.cpu().numpy() for array in gradients], expected, GRADIENTS)
    monkeypatch.setattr(gpu_backend, "_spare", [])
    assert np.array_equal(
        GPU.render_alpha(scene.splats, opacities(scene), scene.window, scene.background).stop,
        CPU.render_alpha(scene.splats, opacities(scene), scene.window, scene.background).stop,
    )


def test_a_running_fit_allocates_nothing(replace_allocate: Callable[[Any], None]) -> None:
    scene = spread(make(20, 20, 20), 3)
    splats, background = send(scene.splats), torch.tensor(scene.background).to(DEVICE)
    renderer = Renderer(20, 20, 3, 30, DEVICE)
    target = torch.zeros(20, 20, 3, device=DEVICE)
    error = torch.zeros_like(target)
    gradients = DeviceGradients(*(torch.empty_like(array) for array in splats[:3]))
    first = renderer.sum_loss(splats, 3, background, target, error, gradients).tolist()
    replace_allocate(None)
    again = renderer.sum_loss(splats, 3, background, target, error, gradients)
    assert again.tolist() == first
    assert not renderer.grow()


def test_kernels_are_interpreted_on_the_cpu_only() -> None:
    assert launch.is_interpreted(prepare) == (DEVICE.type == "cpu")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"mean": np.zeros((3, 2))}, TypeError),
        ({"factor": np.zeros((2, 3), np.float32)}, ValueError),
        ({"color": np.zeros((3, 5), np.float32)}, ValueError),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Any], error: type[Exception]) -> None:
    scene = make(3, 5, 4)
    splats = scene.splats._replace(**change)
    with pytest.raises(error):
        GPU.render_sum(splats, scene.window, scene.background)
    with pytest.raises(error):
        GPU.SumLoss(np.zeros((4, 5, 3), np.float32)).step(splats, scene.background)


def test_a_renderer_refuses_more_gaussians_and_other_windows() -> None:
    scene = make(6, 9, 8)
    splats, background = send(scene.splats), torch.zeros(3, device=DEVICE)
    out = torch.zeros(8, 9, 3, device=DEVICE)
    with pytest.raises(ValueError, match="room for 5 Gaussians"):
        Renderer(9, 8, 3, 5, DEVICE).render_sum(splats, 1, scene.window, background, out)
    with pytest.raises(ValueError, match="9 x 7 px"):
        Renderer(9, 7, 3, 6, DEVICE).render_sum(splats, 1, scene.window, background, out)


def test_too_little_memory_makes_the_device_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(tile_lists, "allocate", fail)
    scene = make(3, 5, 4)
    with pytest.raises(registry.BackendUnavailable, match="too little memory"):
        GPU.render_sum(*scene[:3])
