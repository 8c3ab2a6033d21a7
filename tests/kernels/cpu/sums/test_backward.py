"""Gradients of sums on the CPU, alone and in torch: each matches the reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_scenes import SUM_SCENES, check_gradients, cotangent, make, moved

from gsic_kernels import reference, registry
from gsic_kernels.types import Gradients, Window

BACKEND = registry.get("cpu")


@pytest.mark.parametrize("name", SUM_SCENES)
def test_gradients_match_the_reference(name: str) -> None:
    scene = SUM_SCENES[name]()
    grad = cotangent(scene)
    gradients = BACKEND.render_sum_backward(scene.splats, scene.window, grad)
    expected = reference.render_sum_backward(scene.splats, scene.window, grad.astype(np.float64))
    check_gradients(gradients, expected, scene.needles)


@given(
    st.integers(1, 12),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.integers(1, 4),
    st.integers(1, 8),
    st.tuples(*[st.integers(-300, 300)] * 2),
    st.integers(1, 3),
    st.integers(0, 1000),
)
def test_gradients_of_any_scene_match_the_reference(
    count: int,
    size: tuple[int, int],
    channels: int,
    levels: int,
    origin: tuple[int, int],
    threads: int,
    seed: int,
) -> None:
    scene = moved(make(count, *size, channels, levels=levels, seed=seed), *origin)
    grad = cotangent(scene)
    gradients = BACKEND.render_sum_backward(scene.splats, scene.window, grad, threads)
    expected = reference.render_sum_backward(scene.splats, scene.window, grad.astype(np.float64))
    # Of one Gaussian alone, all that is left of a gradient may be what sums have not cancelled.
    check_gradients(gradients, expected, needles=True)


def test_the_number_of_threads_changes_no_bit_of_a_gradient() -> None:
    scene = make(5000, 130, 140, sigma=(0.3, 2.0), levels=6)
    grad = cotangent(scene)
    alone = BACKEND.render_sum_backward(scene.splats, scene.window, grad)
    for threads in (2, 3, 4):
        shared = BACKEND.render_sum_backward(scene.splats, scene.window, grad, threads)
        assert all(np.array_equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_an_image_gradient_of_another_size_is_refused() -> None:
    scene = make(3, 8, 8)
    with pytest.raises(ValueError, match="grad"):
        BACKEND.render_sum_backward(
            scene.splats, Window(0, 0, 8, 7), np.zeros((8, 8, 3), np.float32)
        )


def test_torch_differentiates_a_sum() -> None:
    torch = pytest.importorskip("torch")
    from torch_kernels import render_sum

    scene = make(50, 37, 29, levels=3)
    tensors = [torch.from_numpy(array.copy()) for array in scene.splats]
    background = torch.from_numpy(scene.background.copy()).requires_grad_()
    for tensor in tensors[:3]:
        tensor.requires_grad_()
    image = render_sum(*tensors, scene.window, background, threads=2)
    assert np.array_equal(image.detach().numpy(), BACKEND.render_sum(*scene[:3]))
    grad = cotangent(scene)
    (image * torch.from_numpy(grad)).sum().backward()
    expected = reference.render_sum_backward(scene.splats, scene.window, grad.astype(np.float64))
    check_gradients(Gradients(*(tensor.grad.numpy() for tensor in tensors[:3])), expected)
    np.testing.assert_allclose(background.grad.numpy(), grad.sum((0, 1)), rtol=1e-4)
    assert tensors[3].grad is None


def test_tensors_of_other_types_are_refused() -> None:
    torch = pytest.importorskip("torch")
    from torch_kernels import render_sum

    scene = make(5, 8, 8)
    tensors = [torch.from_numpy(array) for array in scene.splats]
    tensors[0] = tensors[0].double()
    with pytest.raises(TypeError, match="float32"):
        render_sum(*tensors, scene.window, torch.zeros(3))
