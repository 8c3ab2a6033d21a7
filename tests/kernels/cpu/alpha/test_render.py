"""Alpha blending on the CPU: renderings and gradients match the reference; what changes no bit."""

from typing import Any

import numpy as np
import pytest
from kernel_scenes import (
    ALPHA_GRADIENTS,
    ALPHA_GRADIENTS_NEEDLES,
    DOUBT,
    DOUBT_NEEDLES,
    RENDER,
    RENDER_NEEDLES,
    SCENES,
    Scene,
    make,
    moved,
    opacities,
)
from poisoned_numpy import PoisonedNumpy

from gsic_kernels import reference, registry
from gsic_kernels.cpu.alpha import render, workspace
from gsic_kernels.cpu.runtime import allocation
from gsic_kernels.types import F32, AlphaGradients, Blended, Splats, Window

BACKEND = registry.get("cpu")


@pytest.fixture(autouse=True)
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the uninitialised memory of kernels with values that would show in a result."""
    for module in (workspace, render, allocation):
        monkeypatch.setattr(module, "np", PoisonedNumpy())


def layers(scene: Scene, **change: float) -> tuple[Splats, F32, Window, F32]:
    """Return the arguments of `render_alpha`."""
    return scene.splats, opacities(scene, **change), scene.window, scene.background


def comparable(scene: Scene, rendering: reference.Alpha) -> np.ndarray:
    """Mask the pixels, all but a few, where no decision is within rounding of its threshold."""
    answer = rendering.margin > (DOUBT_NEEDLES if scene.needles else DOUBT)
    assert answer.mean() > 0.9
    return answer


def cotangent(pixels: np.ndarray, channels: int) -> F32:
    """Draw a random image gradient that is zero at the pixels that are not compared."""
    grad = np.random.default_rng(7).normal(size=(*pixels.shape, channels))
    return (grad * pixels[:, :, None]).astype(np.float32)


def check(gradients: AlphaGradients, expected: Any, needles: bool = False) -> None:
    """Compare each gradient with the expected one, relative to its largest element."""
    for name, value, wanted in zip(AlphaGradients._fields, gradients, expected, strict=True):
        limit = (ALPHA_GRADIENTS_NEEDLES if needles else ALPHA_GRADIENTS)[name]
        assert value.dtype == np.float32, name
        assert value.shape == wanted.shape, name
        largest = np.abs(wanted).max(initial=0.0)
        error = np.abs(value - wanted).max(initial=0.0)
        assert error <= limit * largest, f"{name}: {error} of {largest}"


@pytest.mark.parametrize("name", SCENES)
def test_rendering_matches_the_reference(name: str) -> None:
    scene = SCENES[name]()
    arguments = layers(scene)
    blended, expected = (
        BACKEND.render_alpha(*arguments),
        reference.render_alpha(*arguments),
    )
    pixels, tolerance = comparable(scene, expected), RENDER_NEEDLES if scene.needles else RENDER
    assert [array.dtype for array in blended] == [np.float32, np.float32, np.int32]
    for value, wanted in zip(blended[:2], expected[:2], strict=True):
        assert value.shape == wanted.shape
        np.testing.assert_allclose(value[pixels], wanted[pixels], rtol=0, atol=tolerance)
    assert np.array_equal(blended.stop[pixels], expected.stop[pixels])


@pytest.mark.parametrize("name", SCENES)
def test_gradients_match_the_reference(name: str) -> None:
    scene = SCENES[name]()
    arguments = layers(scene)
    grad = cotangent(
        comparable(scene, reference.render_alpha(*arguments)), scene.splats.color.shape[1]
    )
    gradients = BACKEND.render_alpha_backward(*arguments, BACKEND.render_alpha(*arguments), grad)
    expected = reference.render_alpha_backward(*arguments, grad.astype(np.float64))
    check(gradients, expected, scene.needles)


def test_opaque_layers_match_the_reference() -> None:
    """In this scene nearly all pixels stop, and the alpha of many layers is capped."""
    scene = make(400, 41, 67, sigma=(3.0, 9.0))
    arguments = layers(scene, low=0.8, high=1.5)
    expected = reference.render_alpha(*arguments)
    pixels = comparable(scene, expected)
    assert (expected.stop < 400).mean() > 0.9
    blended = BACKEND.render_alpha(*arguments)
    assert np.abs(blended.image - expected.image)[pixels].max() <= RENDER
    assert np.array_equal(blended.stop[pixels], expected.stop[pixels])
    grad = cotangent(pixels, 3)
    check(
        BACKEND.render_alpha_backward(*arguments, blended, grad),
        reference.render_alpha_backward(*arguments, grad.astype(np.float64)),
    )


def test_the_order_of_gaussians_changes_the_image() -> None:
    scene = make(2, 20, 20, sigma=(6.0, 6.1), margin=-8.0)
    render = BACKEND.render_alpha
    splats, _, window, background = layers(scene)
    opacity = np.array([0.9, 0.6], np.float32)
    image = render(splats, opacity, window, background).image
    turned = Splats(*(array[::-1] for array in splats))
    swapped = render(turned, np.ascontiguousarray(opacity[::-1]), window, background).image
    assert np.abs(image - swapped).max() > 0.1


def test_an_opaque_gaussian_hides_those_behind_it() -> None:
    scene = make(40, 20, 20, margin=0.0)
    mean, factor, color, cutoff, offset, level = (array.copy() for array in scene.splats)
    # This Gaussian is nearly constant over the whole image.
    mean[0], factor[0], color[0], cutoff[0], offset[0] = 10, (1e-3, 0, 1e-3), 0.25, 16, 0
    opacity = np.ones(40, np.float32)
    blended = BACKEND.render_alpha(
        Splats(mean, factor, color, cutoff, offset, level), opacity, scene.window, scene.background
    )
    assert np.abs(blended.image - 0.25).max() <= 2e-3
    assert blended.transmittance.max() <= 1.3e-3


def test_gaussians_without_opacity_show_the_background() -> None:
    scene = make(5, 20, 20)
    opacity = np.array([0.0, -3.0, np.nan, np.inf, 0.0039], np.float32)
    arguments = scene.splats, opacity, scene.window, scene.background
    blended = BACKEND.render_alpha(*arguments)
    assert (blended.image == scene.background).all()
    assert (blended.transmittance == 1).all()
    assert (blended.stop == 5).all()
    gradients = BACKEND.render_alpha_backward(*arguments, blended, blended.image)
    assert all((gradient == 0).all() for gradient in gradients[:4])


def test_invalid_gaussians_contribute_nothing() -> None:
    scene = make(120, 50, 40)
    good, opacity = scene.splats, opacities(scene)
    bad = Splats(*(array.copy() for array in good))
    bad.mean[0], bad.factor[1, 1], bad.color[2, 2] = np.nan, np.nan, np.inf
    bad.cutoff[3], bad.offset[4], bad.factor[5] = -1.0, np.nan, (2e3, 0.0, 1.0)
    blended = BACKEND.render_alpha(bad, opacity, scene.window, scene.background)
    kept = Splats(*(array[6:] for array in good))
    expected = BACKEND.render_alpha(kept, opacity[6:], scene.window, scene.background)
    assert np.array_equal(blended.image, expected.image)
    gradients = BACKEND.render_alpha_backward(
        bad, opacity, scene.window, scene.background, blended, blended.image
    )
    assert all((gradient[:6] == 0).all() for gradient in gradients[:4])
    assert all((gradient[6:] != 0).any() for gradient in gradients[:4])


def test_opaque_gaussians_beside_the_image_leave_gradients_finite() -> None:
    """Columns of pixels reach past the right border, where nothing of the image is hidden."""
    count, width = 20, 21
    splats = Splats(
        np.full((count, 2), (width + 2.5, 10.5), np.float32),
        np.full((count, 3), (1.0, 0.0, 1.0), np.float32),
        np.full((count, 3), 0.5, np.float32),
        np.full(count, 5.0, np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.int32),
    )
    arguments = splats, np.ones(count, np.float32), Window(0, 0, width, 20), np.zeros(3, np.float32)
    blended = BACKEND.render_alpha(*arguments)
    grad = np.ones_like(blended.image)
    gradients = BACKEND.render_alpha_backward(*arguments, blended, grad)
    expected = reference.render_alpha_backward(*arguments, grad.astype(np.float64))
    for value, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-7)


BIT_SCENES = {
    "mixed": lambda: make(400, 130, 140),
    "needles": lambda: make(60, 130, 140, sigma=(0.05, 0.5), aspect=(100.0, 1000.0)),
    "image-sized": lambda: make(30, 130, 140, sigma=(60.0, 900.0)),
    "far away": lambda: moved(make(200, 130, 140), 123457, -98765),
}


@pytest.mark.parametrize("name", BIT_SCENES)
def test_a_window_equals_the_crop_bit_for_bit(name: str) -> None:
    scene = BIT_SCENES[name]()
    # Without an offset the rim is sharp, so a span that is too short would show.
    splats = scene.splats._replace(offset=0 * scene.splats.offset)
    render, opacity = BACKEND.render_alpha, opacities(scene)
    whole = render(splats, opacity, scene.window, scene.background)
    rng = np.random.default_rng(5)
    x0, y0, width, height = scene.window
    for _ in range(12):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        w, h = int(rng.integers(1, width - x + 1)), int(rng.integers(1, height - y + 1))
        part = render(splats, opacity, Window(x0 + x, y0 + y, w, h), scene.background, threads=2)
        for a, b in zip(part, whole, strict=True):
            assert np.array_equal(a, b[y : y + h, x : x + w])


def test_the_number_of_threads_changes_no_bit() -> None:
    # Several work items prepare so many Gaussians, and some Gaussians lie in several strips.
    scene = make(5000, 130, 140, sigma=(0.3, 4.0))
    arguments = layers(scene)
    alone = BACKEND.render_alpha(*arguments)
    grad = cotangent(np.ones((140, 130), bool), 3)
    gradients = BACKEND.render_alpha_backward(*arguments, alone, grad)
    for threads in (2, 3, 4):
        shared = BACKEND.render_alpha(*arguments, threads)
        assert all(np.array_equal(a, b) for a, b in zip(alone, shared, strict=True))
        again = BACKEND.render_alpha_backward(*arguments, alone, grad, threads)
        assert all(np.array_equal(a, b) for a, b in zip(gradients, again, strict=True))


def test_tall_gaussians_need_longer_lists_than_first_allocated() -> None:
    scene = make(90, 11, 700, 1, sigma=(300.0, 900.0))
    arguments = layers(scene, low=0.01, high=0.05)
    blended, expected = BACKEND.render_alpha(*arguments), reference.render_alpha(*arguments)
    pixels = comparable(scene, expected)
    assert np.abs(blended.image - expected.image)[pixels].max() <= RENDER
    grad = cotangent(pixels, 1)
    check(
        BACKEND.render_alpha_backward(*arguments, blended, grad),
        reference.render_alpha_backward(*arguments, grad.astype(np.float64)),
    )


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"opacity": np.zeros(3)}, TypeError),
        ({"opacity": np.zeros(4, np.float32)}, ValueError),
        ({"opacity": np.zeros((3, 1), np.float32)}, ValueError),
        ({"window": Window(0, 0, 0, 4)}, ValueError),
        ({"background": np.zeros(2, np.float32)}, ValueError),
        ({"threads": 0}, ValueError),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    change: dict[str, Any], error: type[Exception]
) -> None:
    scene = make(3, 8, 8)
    names = ("splats", "opacity", "window", "background")
    arguments: dict[str, Any] = dict(zip(names, layers(scene), strict=True))
    blended = BACKEND.render_alpha(**arguments)
    arguments |= change
    with pytest.raises(error):
        BACKEND.render_alpha(**arguments)
    with pytest.raises(error):
        BACKEND.render_alpha_backward(**arguments, blended=blended, grad=blended.image)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"stop": np.zeros((8, 8))}, TypeError, "stop"),
        ({"stop": np.zeros((7, 8), np.int32)}, ValueError, "stop"),
        ({"transmittance": np.zeros((8, 7), np.float32)}, ValueError, "transmittance"),
        ({"grad": np.zeros((8, 7, 3), np.float32)}, ValueError, "grad"),
    ],
)
def test_a_rendering_that_does_not_fit_is_refused_by_name(
    change: dict[str, Any], error: type[Exception], said: str
) -> None:
    scene = make(3, 8, 8)
    blended = BACKEND.render_alpha(*layers(scene))
    grad = change.pop("grad", blended.image)
    with pytest.raises(error, match=said):
        BACKEND.render_alpha_backward(*layers(scene), Blended(**blended._asdict() | change), grad)


def test_torch_differentiates_a_blend() -> None:
    torch = pytest.importorskip("torch")
    from torch_kernels import render_alpha

    scene = make(50, 37, 29)
    arguments = layers(scene)
    tensors = [torch.from_numpy(array.copy()) for array in (*arguments[0], arguments[1])]
    background = torch.from_numpy(scene.background.copy())
    learned = [*tensors[:3], tensors[6], background]
    for tensor in learned:
        tensor.requires_grad_()
    image = render_alpha(*tensors, scene.window, background, threads=2)
    assert np.array_equal(image.detach().numpy(), BACKEND.render_alpha(*arguments).image)
    grad = cotangent(comparable(scene, reference.render_alpha(*arguments)), 3)
    (image * torch.from_numpy(grad)).sum().backward()
    expected = reference.render_alpha_backward(*arguments, grad.astype(np.float64))
    check(AlphaGradients(*(tensor.grad.numpy() for tensor in learned)), expected)
    assert tensors[3].grad is None


def test_tensors_of_other_types_are_refused() -> None:
    torch = pytest.importorskip("torch")
    from torch_kernels import render_alpha

    scene = make(5, 8, 8)
    tensors = [torch.from_numpy(array) for array in (*scene.splats, opacities(scene))]
    tensors[6] = tensors[6].double()
    with pytest.raises(TypeError, match="float32"):
        render_alpha(*tensors, scene.window, torch.zeros(3))
