"""The oracle itself: by hand, and its gradients by finite differences."""

import numpy as np
import pytest
from kernel_scenes import make

from gsic_kernels import reference
from gsic_kernels.checks import Splats, Window


def one(mean: tuple[float, float], factor: tuple[float, float, float], reach: float) -> Splats:
    return Splats(
        np.array([mean], np.float32),
        np.array([factor], np.float32),
        np.ones((1, 1), np.float32),
        np.array([reach], np.float32),
        np.zeros(1, np.float32),
    )


def test_pixel_centres_are_half_way() -> None:
    splats = one((2.5, 1.5), (1.0, 0.0, 1.0), 8.0)
    image = reference.render_sum(splats, Window(0, 0, 5, 4), np.zeros(1, np.float32))[:, :, 0]
    assert image[1, 2] == 1.0
    assert image[1, 3] == image[1, 1] == image[0, 2] == image[2, 2] == np.exp(-0.5)


def test_reach_cuts_and_includes_its_rim() -> None:
    splats = one((0.5, 0.5), (1.0, 0.0, 1.0), 2.0)
    image = reference.render_sum(splats, Window(0, 0, 4, 1), np.zeros(1, np.float32))[0, :, 0]
    assert image.tolist() == [1.0, np.exp(-0.5), np.exp(-2.0), 0.0]


def test_factor_shears_along_x() -> None:
    # u = dx - dy: the ridge runs along the diagonal.
    splats = one((0.5, 0.5), (1.0, -1.0, 0.1), 8.0)
    image = reference.render_sum(splats, Window(0, 0, 3, 3), np.zeros(1, np.float32))[:, :, 0]
    assert image[1, 1] == pytest.approx(np.exp(-0.01 / 2), abs=1e-8)
    assert image[1, 1] > image[1, 0]


@pytest.mark.parametrize("name", ["mean", "factor", "color"])
def test_gradients_are_finite_differences(name: str) -> None:
    scene = make(4, 12, 11, 2, sigma=(1.0, 3.0))
    # Uncut, so that the derivative at the rim does not matter.
    splats = scene.splats._replace(
        reach=np.full(4, 16.0, np.float32), floor=np.zeros(4, np.float32)
    )
    grad = np.random.default_rng(1).normal(size=(11, 12, 2))

    def value(array: np.ndarray) -> float:
        changed = splats._replace(**{name: array})
        return float((reference.render_sum(changed, scene.window, scene.background) * grad).sum())

    index = ["mean", "factor", "color"].index(name)
    gradient = reference.render_sum_backward(splats, scene.window, grad)[index]
    base = getattr(splats, name)
    for n, k in np.ndindex(base.shape):
        up, down = base.copy(), base.copy()
        up[n, k] += 2e-3
        down[n, k] -= 2e-3
        step = float(up[n, k]) - float(down[n, k])
        slope = (value(up) - value(down)) / step
        assert slope == pytest.approx(gradient[n, k], rel=2e-3, abs=2e-3)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("mean", np.nan),
        ("mean", np.inf),
        ("factor", np.nan),
        ("factor", 0.0),
        ("factor", 2e3),
        ("factor", 1e-10),
        ("color", np.inf),
        ("reach", np.nan),
        ("reach", -0.5),
        ("floor", -np.inf),
    ],
)
def test_bad_gaussians_contribute_nothing(field: str, bad: float) -> None:
    splats = make(3, 9, 9).splats
    array = getattr(splats, field).copy()
    array[1] = bad
    assert reference.contributes(splats._replace(**{field: array})).tolist() == [True, False, True]
