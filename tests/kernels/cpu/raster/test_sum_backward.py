"""Gradients of sums on the CPU, alone, in a loss and in torch: each matches the reference."""

from typing import Any

import numpy as np
import pytest
from kernel_scenes import GRADIENTS, GRADIENTS_NEEDLES, LOSS, SCENES, Scene, make

from gsic_kernels import reference, registry
from gsic_kernels.types import Gradients, Window

DEVICES = ["cpu", "cpu-scalar"]


def check(gradients: Gradients, expected: Any, needles: bool = False) -> None:
    """Compare each gradient with the expected one, relative to its largest element."""
    for name, value, wanted in zip(Gradients._fields, gradients, expected, strict=True):
        limit = (GRADIENTS_NEEDLES if needles else GRADIENTS)[name]
        assert value.dtype == np.float32, name
        assert value.shape == wanted.shape, name
        largest = np.abs(wanted).max(initial=0.0)
        error = np.abs(value - wanted).max(initial=0.0)
        assert error <= limit * largest, f"{name}: {error} of {largest}"


def cotangent(scene: Scene) -> np.ndarray:
    """Draw a random image gradient."""
    shape = scene.window.height, scene.window.width, scene.splats.color.shape[1]
    return np.random.default_rng(7).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SCENES)
def test_gradients_match_the_reference(name: str, device: str) -> None:
    scene = SCENES[name]()
    grad = cotangent(scene)
    gradients = registry.get(device).render_sum_backward(scene.splats, scene.window, grad)
    expected = reference.render_sum_backward(scene.splats, scene.window, grad.astype(np.float64))
    check(gradients, expected, scene.needles)


@pytest.mark.parametrize("device", DEVICES)
def test_the_number_of_threads_changes_no_bit_of_a_gradient(device: str) -> None:
    scene = make(5000, 130, 140, sigma=(0.3, 2.0))
    grad, backend = cotangent(scene), registry.get(device)
    alone = backend.render_sum_backward(scene.splats, scene.window, grad)
    for threads in (2, 3, 4):
        shared = backend.render_sum_backward(scene.splats, scene.window, grad, threads)
        assert all(np.array_equal(a, b) for a, b in zip(alone, shared, strict=True))


def clamped_error(scene: Scene, target: np.ndarray) -> np.ndarray:
    """Compute clamp(rendering) - target with the reference."""
    return np.clip(reference.render_sum(*scene[:3]), 0, 1) - target


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("loss", ["l2", "l1"])
@pytest.mark.parametrize("name", [name for name in SCENES if not name.startswith("window")])
def test_a_step_returns_loss_and_gradient_of_the_clamped_error(
    name: str, loss: str, device: str
) -> None:
    scene = SCENES[name]()
    rng = np.random.default_rng(3)
    target = rng.uniform(0, 1, cotangent(scene).shape).astype(np.float32)
    error = clamped_error(scene, target)
    step = registry.get(device).SumLoss(target, loss)
    value, gradients = step.step(scene.splats, scene.background)
    wanted = (error**2).sum() if loss == "l2" else np.abs(error).sum()
    slope = 2 * error if loss == "l2" else np.sign(error)
    # An absolute error within rounding of zero may have either sign.
    limit = 1e-5 if scene.needles else LOSS
    assert value == pytest.approx(wanted, rel=limit)
    expected = reference.render_sum_backward(scene.splats, scene.window, slope)
    check(gradients, expected, scene.needles or loss == "l1")
    tolerance = 1e-3 if scene.needles else 1e-5
    np.testing.assert_allclose(step.error(), error, rtol=0, atol=tolerance)
    assert step.sse(scene.splats, scene.background) == pytest.approx((error**2).sum(), rel=limit)


def test_the_gradient_passes_through_the_clamp() -> None:
    """A pixel far above white has a gradient, unless the target is white too."""
    scene = make(1, 9, 9, 1, sigma=(3.0, 3.1), aspect=(1.0, 1.01), margin=0.0)
    splats = scene.splats._replace(
        mean=np.full((1, 2), 4.5, np.float32), color=np.full((1, 1), 5.0, np.float32)
    )
    over = registry.get("cpu").render_sum(splats, scene.window, 0 * scene.background) > 1
    grey = np.full((9, 9, 1), 0.25, np.float32)
    _, gradients = registry.get("cpu").SumLoss(grey).step(splats, 0 * scene.background)
    assert gradients.color[0, 0] > 0
    white = registry.get("cpu").SumLoss(np.ones((9, 9, 1), np.float32))
    white.step(splats, 0 * scene.background)
    assert over.any()
    assert (white.error()[over] == 0).all()


@pytest.mark.parametrize("loss", ["l2", "l1"])
def test_results_of_a_loss_do_not_depend_on_calls_before(loss: str) -> None:
    """The number of Gaussians, the method called and the number of threads change between calls."""
    rng = np.random.default_rng(2)
    target = rng.uniform(0, 1, (140, 70, 3)).astype(np.float32)
    kept = [registry.get("cpu").SumLoss(target, loss, threads) for threads in (1, 2, 3)]
    for count in (50, 5000, 0, 300):
        scene = make(count, 70, 140, seed=count)
        fresh = registry.get("cpu").SumLoss(target, loss)
        value, gradients = fresh.step(scene.splats, scene.background)
        for step in kept:
            assert step.sse(scene.splats, scene.background) == fresh.sse(
                scene.splats, scene.background
            )
            again, same = step.step(scene.splats, scene.background)
            assert again == value
            assert all(np.array_equal(a, b) for a, b in zip(gradients, same, strict=True))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((np.zeros((4, 4, 3)),), TypeError),
        ((np.zeros((4, 4), np.float32),), ValueError),
        ((np.zeros((4, 4, 5), np.float32),), ValueError),
        ((np.zeros((0, 4, 3), np.float32),), ValueError),
        ((np.zeros((4, 4, 3), np.float32), "l3"), ValueError),
        ((np.zeros((4, 4, 3), np.float32), "l2", 0), ValueError),
    ],
)
def test_a_loss_refuses_arguments_that_do_not_fit(arguments: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        registry.get("cpu").SumLoss(*arguments)


def test_a_step_refuses_another_number_of_channels() -> None:
    step = registry.get("cpu").SumLoss(np.zeros((8, 8, 1), np.float32))
    scene = make(3, 8, 8, 3)
    with pytest.raises(ValueError, match="3 channels"):
        step.step(scene.splats, scene.background)


def test_an_image_gradient_of_another_size_is_refused() -> None:
    scene = make(3, 8, 8)
    with pytest.raises(ValueError, match="grad"):
        registry.get("cpu").render_sum_backward(
            scene.splats, Window(0, 0, 8, 7), np.zeros((8, 8, 3), np.float32)
        )


def test_torch_differentiates_a_sum() -> None:
    torch = pytest.importorskip("torch")
    from torch_kernels import render_sum

    scene = make(50, 37, 29)
    tensors = [torch.from_numpy(array.copy()) for array in scene.splats]
    background = torch.from_numpy(scene.background.copy()).requires_grad_()
    for tensor in tensors[:3]:
        tensor.requires_grad_()
    image = render_sum(*tensors, scene.window, background, threads=2)
    assert np.array_equal(image.detach().numpy(), registry.get("cpu").render_sum(*scene[:3]))
    grad = cotangent(scene)
    (image * torch.from_numpy(grad)).sum().backward()
    expected = reference.render_sum_backward(scene.splats, scene.window, grad.astype(np.float64))
    check(Gradients(*(tensor.grad.numpy() for tensor in tensors[:3])), expected)
    np.testing.assert_allclose(background.grad.numpy(), grad.sum((0, 1)), rtol=1e-4)
    assert tensors[3].grad is None


def test_tensors_of_other_types_are_refused() -> None:
    torch = pytest.importorskip("torch")
    from torch_kernels import render_sum

    scene = make(5, 8, 8)
    tensors = [torch.from_numpy(array.astype(np.float64)) for array in scene.splats]
    with pytest.raises(TypeError, match="float32"):
        render_sum(*tensors, scene.window, torch.zeros(3))
