"""The reference renderer: values computed by hand, and gradients by finite differences."""

import numpy as np
import pytest
from kernel_scenes import make

from gsic_kernels import reference
from gsic_kernels.types import Splats, Window


def one(mean: tuple[float, float], factor: tuple[float, float, float], cutoff: float) -> Splats:
    """Make one white Gaussian without an offset."""
    return Splats(
        np.array([mean], np.float32),
        np.array([factor], np.float32),
        np.ones((1, 1), np.float32),
        np.array([cutoff], np.float32),
        np.zeros(1, np.float32),
        np.zeros(1, np.int32),
    )


def test_pixel_centres_are_at_half_integers() -> None:
    splats = one((2.5, 1.5), (1.0, 0.0, 1.0), 8.0)
    image = reference.render_sum(splats, Window(0, 0, 5, 4), np.zeros(1, np.float32))[:, :, 0]
    assert image[1, 2] == 1.0
    assert image[1, 3] == image[1, 1] == image[0, 2] == image[2, 2] == np.exp(-0.5)


def test_the_cutoff_includes_its_rim() -> None:
    splats = one((0.5, 0.5), (1.0, 0.0, 1.0), 2.0)
    image = reference.render_sum(splats, Window(0, 0, 4, 1), np.zeros(1, np.float32))[0, :, 0]
    assert image.tolist() == [1.0, np.exp(-0.5), np.exp(-2.0), 0.0]


def test_the_factor_shears_along_x() -> None:
    # u = dx - dy: the ridge runs along the diagonal.
    splats = one((0.5, 0.5), (1.0, -1.0, 0.1), 8.0)
    image = reference.render_sum(splats, Window(0, 0, 3, 3), np.zeros(1, np.float32))[:, :, 0]
    assert image[1, 1] == pytest.approx(np.exp(-0.01 / 2), abs=1e-8)
    assert image[1, 1] > image[1, 0]


@pytest.mark.parametrize("name", ["mean", "factor", "color"])
def test_gradients_of_sums_match_finite_differences(name: str) -> None:
    scene = make(9, 12, 11, 2, sigma=(1.0, 3.0), levels=3)
    assert set(scene.splats.level) == {0, 1, 2}
    # Without a cut there is no rim whose derivative would be missing.
    splats = scene.splats._replace(
        cutoff=np.full(9, 16.0, np.float32), offset=np.zeros(9, np.float32)
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


def layers(*opacities: float) -> tuple[Splats, np.ndarray]:
    """Make nearly constant Gaussians over one pixel with the colours 1, 2, 3 and so on."""
    count = len(opacities)
    splats = Splats(
        np.full((count, 2), 0.5, np.float32),
        np.full((count, 3), (0.1, 0.0, 0.1), np.float32),
        np.arange(1, count + 1, dtype=np.float32)[:, None],
        np.full(count, 8.0, np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.int32),
    )
    return splats, np.array(opacities, np.float32)


PIXEL, BLACK = Window(0, 0, 1, 1), np.zeros(1, np.float32)


def test_the_first_gaussian_is_in_front() -> None:
    splats, opacity = layers(0.5, 0.25)
    blended = reference.render_alpha(splats, opacity, PIXEL, np.full(1, 8, np.float32))
    assert blended.image.item() == 0.5 * 1 + 0.5 * 0.25 * 2 + 0.5 * 0.75 * 8
    assert blended.transmittance.item() == 0.375
    assert blended.stop.item() == 2


def test_alpha_is_at_most_the_cap() -> None:
    splats, opacity = layers(7.0)
    blended = reference.render_alpha(splats, opacity, PIXEL, BLACK)
    assert blended.image.item() == 0.999
    assert blended.transmittance.item() == pytest.approx(0.001)


def test_gaussians_fainter_than_the_limit_are_skipped() -> None:
    splats, opacity = layers(1 / 256, 1 / 254)
    blended = reference.render_alpha(splats, opacity, PIXEL, BLACK)
    assert blended.image.item() == 2 * float(opacity[1])


def test_a_pixel_stops_before_it_is_opaque_and_does_not_go_on() -> None:
    # The first leaves 1e-3, the second would leave 1e-6. The third alone would pass, but it is too
    # late.
    splats, opacity = layers(1.0, 1.0, 0.5)
    blended = reference.render_alpha(splats, opacity, PIXEL, BLACK)
    assert blended.image.item() == 0.999
    assert blended.stop.item() == 1
    assert blended.margin.item() == pytest.approx(abs(1.0 / 0.999 - 1), rel=1e-6)


@pytest.mark.parametrize("name", ["mean", "factor", "color", "opacity", "background"])
def test_gradients_of_blends_match_finite_differences(name: str) -> None:
    scene = make(6, 8, 7, 2, sigma=(4.0, 9.0), aspect=(1.0, 2.0), margin=0.0)
    # Without a cut and without faint pixels there is no rim whose derivative would be missing. One
    # layer is capped.
    splats = scene.splats._replace(
        cutoff=np.full(6, 16.0, np.float32), offset=np.zeros(6, np.float32)
    )
    opacity = np.array([0.3, 0.7, 0.5, 1.3, 0.6, 0.4], np.float32)
    grad = np.random.default_rng(1).normal(size=(7, 8, 2))
    inputs = {**splats._asdict(), "opacity": opacity, "background": scene.background}
    rendering = reference.render_alpha(splats, opacity, scene.window, scene.background)
    # The derivative does not exist where the cap of a layer begins: leave these pixels out.
    assert (rendering.transmittance < 1e-3).any()
    grad *= (rendering.margin > 0.05)[:, :, None]
    assert (grad != 0).mean() > 0.5

    def value(array: np.ndarray) -> float:
        changed = {**inputs, name: array}
        background, strength = changed.pop("background"), changed.pop("opacity")
        image = reference.render_alpha(Splats(**changed), strength, scene.window, background).image
        return float((image * grad).sum())

    gradients = reference.render_alpha_backward(
        splats, opacity, scene.window, scene.background, grad
    )
    gradient, base = getattr(gradients, name), inputs[name]
    assert np.abs(gradient).max() > 0.02
    for index in np.ndindex(base.shape):
        up, down = base.copy(), base.copy()
        up[index] += 1e-3
        down[index] -= 1e-3
        slope = (value(up) - value(down)) / (float(up[index]) - float(down[index]))
        assert slope == pytest.approx(gradient[index], rel=1e-3, abs=1e-4)


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
        ("cutoff", np.nan),
        ("cutoff", -0.5),
        ("offset", -np.inf),
    ],
)
def test_invalid_gaussians_contribute_nothing(field: str, bad: float) -> None:
    splats = make(3, 9, 9).splats
    array = getattr(splats, field).copy()
    array[1] = bad
    assert reference.contributes(splats._replace(**{field: array})).tolist() == [True, False, True]
