"""Parameters to pixels and gradients back: the float fits of GaussianImage."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from fit_images import planes_of

from gsic import api as codec
from gsic.arrays import Float64
from gsic.encoders.gaussianimage.initial import make_raw_parameters
from gsic.errors import InputError, OptionError
from gsic.fitting.adan_fit import optimise
from gsic.fitting.blended_canvas import BlendedCanvas
from gsic.fitting.canvas import (
    Canvas,
    Geometry,
    activate_shape,
    activate_shape_backward,
    sample_initial,
    sigmoid,
)
from gsic.fitting.losses import BlendedLoss, make_loss
from gsic.fitting.recipe import AdanRecipe
from gsic.gaussians import COVARIANCES
from gsic.options import LOSSES, FitOptions
from gsic.profiles.gaussianimage.dequantisation import CUTOFF
from gsic_kernels import reference, registry
from gsic_kernels.types import Splats, Window

BACKEND = registry.get("cpu")
TARGET = planes_of(24, 36)
SHAPE = TARGET.shape


def canvas_of(
    blend: str, covariance: str, loss: str = "l2", device: str = "cpu", stopped: bool = True
) -> Canvas | BlendedCanvas:
    make = BlendedLoss if blend == "alpha" else make_loss
    made = make(registry.get(device), TARGET, loss, 1, stopped=stopped)
    return (BlendedCanvas if blend == "alpha" else Canvas)(made, covariance, SHAPE)


def start(blend: str, count: int = 12, seed: int = 0) -> Float64:
    """Gaussians of a few px that nowhere add up to more than 1, one with negative factors."""
    rng = np.random.default_rng(seed)
    raw = sample_initial(count, 3, rng, None if blend == "sum" else 0.3)
    raw[:, :2] *= 0.6
    raw[:, 2:5] *= 3.0
    raw[:, 5:8] *= 0.15
    raw[0, 2], raw[-1, 4] = -3.0, -4.0
    return raw


def loss_of(raw: Float64, blend: str, covariance: str) -> float:
    """The mean squared error in float64, from the paper's equations."""
    s1, s2 = raw[:, 2] + 0.5, raw[:, 3] + (0.5 if covariance == "rs" else 0.0)
    if covariance == "rs":
        angle = 2.0 * math.pi / (1.0 + np.exp(-raw[:, 4]))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        root = np.einsum("ijn,nj->nij", turn, np.stack((s1, s2), axis=1))
    else:
        root = np.zeros((len(raw), 2, 2))
        root[:, 0, 0], root[:, 1, 0], root[:, 1, 1] = s1, s2, raw[:, 4] + 0.5
    inverse = np.linalg.inv(root @ root.transpose(0, 2, 1))
    height, width, channels = SHAPE
    x = (np.tanh(raw[:, 0]) + 1.0) / 2.0 * width
    y = (np.tanh(raw[:, 1]) + 1.0) / 2.0 * height
    image, left = np.zeros(SHAPE), np.ones((height, width))
    opacity = 1.0 / (1.0 + np.exp(-raw[:, 8])) if blend != "sum" else np.ones(len(raw))
    for n in range(len(raw)):
        # In the paper's code the centre of a pixel is a whole number.
        d = np.stack(np.meshgrid(np.arange(width) - x[n], np.arange(height) - y[n]), axis=-1)
        weight = np.exp(-0.5 * np.einsum("hwi,ij,hwj->hw", d, inverse[n], d))
        weight[(opacity[n] if blend == "alpha" else 1.0) * weight < 1.0 / 255.0] = 0.0
        weight *= opacity[n]
        image += (weight * left)[..., None] * raw[n, 5 : 5 + channels]
        if blend == "alpha":
            left = left * (1.0 - weight)
    return float(np.mean((np.clip(image, 0.0, 1.0) - TARGET) ** 2))


def differences(raw: Float64, blend: str, covariance: str) -> Float64:
    """The gradient by finite differences of `loss_of`."""
    numeric = np.empty_like(raw)
    for place in np.ndindex(raw.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = raw.copy()
            moved[place] += step
            ends.append(loss_of(moved, blend, covariance))
        numeric[place] = (ends[0] - ends[1]) / 2e-5
    return numeric


@pytest.mark.parametrize("covariance", ["cholesky", "rs"])
@pytest.mark.parametrize("blend", ["sum", "sum+opacity", "alpha"])
def test_gradients_are_those_of_the_equations(blend: str, covariance: str) -> None:
    raw = start(blend)
    _, gradient = canvas_of(blend, covariance).evaluate_raw(raw)
    numeric = differences(raw, blend, covariance)
    for column in range(raw.shape[1]):
        error = np.linalg.norm(gradient[:, column] - numeric[:, column])
        assert error < 2e-3 * np.linalg.norm(numeric[:, column]), column


@pytest.mark.parametrize("blend", ["sum", "alpha"])
def test_gradients_stop_at_the_clamp(blend: str) -> None:
    """Where a picture is too bright or too dark, the paper's loss does not feel it."""
    raw = start(blend)
    raw[::2, 5:8] *= 20.0
    raw[1::2, 5:8] *= -10.0
    numeric = differences(raw, blend, "cholesky")
    loss, gradient = canvas_of(blend, "cholesky").evaluate_raw(raw)
    assert loss == pytest.approx(loss_of(raw, blend, "cholesky"), rel=1e-5)
    assert np.linalg.norm(gradient - numeric) < 5e-3 * np.linalg.norm(numeric)
    _, through = canvas_of(blend, "cholesky", stopped=False).evaluate_raw(raw)
    assert np.linalg.norm(through - numeric) > 0.1 * np.linalg.norm(numeric)


@pytest.mark.parametrize("blend", ["sum", "sum+opacity", "alpha"])
def test_the_loss_is_that_of_the_equations(blend: str) -> None:
    loss, _ = canvas_of(blend, "cholesky").evaluate_raw(start(blend))
    assert loss == pytest.approx(loss_of(start(blend), blend, "cholesky"), rel=1e-5)


@pytest.mark.parametrize("covariance", ["cholesky", "rs"])
def test_kernels_agree_with_float64_up_to_the_raw_parameters(covariance: str) -> None:
    raw = start("sum", 20, seed=3)
    canvas = canvas_of("sum", covariance)
    shape = activate_shape(covariance, raw[:, 2:5])
    by = canvas.evaluate(raw[:, :2], shape, raw[:, 5:])
    geometry = Geometry(covariance, SHAPE[1], SHAPE[0], raw[:, :2], shape)
    splats, window = geometry.make_splats(raw[:, 5:]), Window(0, 0, SHAPE[1], SHAPE[0])
    image = reference.render_sum(splats, window, np.zeros(3, np.float32))
    by_image = 2.0 / TARGET.size * (np.clip(image, 0.0, 1.0) - TARGET)
    mean, factor, color = reference.render_sum_backward(splats, window, by_image)
    position, by_shape = geometry.backward(mean, factor)
    for got, expected in (
        (by.position, position),
        (by.shape, by_shape),
        (by.color, color),
    ):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=2e-5 * scale)


def test_an_opacity_in_a_sum_is_a_factor_of_the_colour() -> None:
    """Eq. 6 is eq. 7 with c' = c o."""
    raw = start("sum+opacity")
    merged = raw[:, :8].copy()
    merged[:, 5:8] *= sigmoid(raw[:, 8:])
    canvas = canvas_of("sum", "cholesky")
    kept, gone = canvas.evaluate_raw(raw), canvas.evaluate_raw(merged)
    assert kept[0] == pytest.approx(gone[0], rel=1e-6)
    np.testing.assert_allclose(kept[1][:, :5], gone[1][:, :5], rtol=1e-5)
    assert canvas.sse(raw) == pytest.approx(canvas.sse(merged), rel=1e-6)


def test_both_factorisations_of_equal_covariances_draw_the_same() -> None:
    s = np.array([[2.0, 5.0, 0.7], [4.0, 1.0, 2.9], [3.0, 3.0, 1.0]])
    position, color = np.full((3, 2), 0.2), np.ones((3, 3))
    entries = COVARIANCES["rs"].entries(s)
    l1 = np.sqrt((entries.det + entries.s12**2) / entries.s22)
    chol = np.stack((l1, entries.s12 / l1, np.sqrt(entries.det) / l1), axis=1)
    pictures = []
    for covariance, theta in (("rs", s - [0.5, 0.5, 0.0]), ("cholesky", chol - [0.5, 0.0, 0.5])):
        splats = Geometry(covariance, 40, 30, position, theta).make_splats(color)
        pictures.append(BACKEND.render_sum(splats, Window(0, 0, 40, 30), np.zeros(3, np.float32)))
    np.testing.assert_allclose(*pictures, atol=3e-6)


def test_one_gaussian_by_hand() -> None:
    """Means on whole numbers are centres of pixels; weights end at 1/255 whatever the colour."""
    width, height = 16, 8
    position = np.arctanh([[2 * 5 / width - 1, 2 * 3 / height - 1]])
    splats = Geometry("cholesky", width, height, position, np.array([[1.5, 0.0, 0.5]])).make_splats(
        np.array([[7.0]])
    )
    image = BACKEND.render_sum(splats, Window(0, 0, width, height), np.zeros(1, np.float32))[..., 0]
    assert image[3, 5] == pytest.approx(7.0, rel=1e-5)
    assert image[3, 7] == pytest.approx(7.0 * math.exp(-0.5), rel=1e-4)  # l1 = 2: one sigma
    assert image[4, 5] == pytest.approx(7.0 * math.exp(-0.5), rel=1e-4)  # l3 = 1
    assert 3.0**2 / 2 < CUTOFF < 3.5**2 / 2
    assert image[6, 5] > 0.0
    assert image[7, 5] == 0.0  # 4 sigma
    assert image[3, 5 + 6] > 0.0
    assert image[3, 5 + 7] == 0.0


def test_singular_shapes_draw_nothing_and_have_no_gradient() -> None:
    raw = start("sum")
    for covariance in ("cholesky", "rs"):
        canvas = canvas_of("sum", covariance)
        without, _ = canvas.evaluate_raw(raw[3:])
        flat = raw.copy()
        flat[:3, 2] = -0.5  # l1 = 0, or s1 = 0
        with np.errstate(all="raise", under="ignore"):
            loss, gradient = canvas.evaluate_raw(flat)
        assert loss == pytest.approx(without, rel=1e-6)
        assert not gradient[:3].any()
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_blended_losses_are_those_of_sums_where_nothing_hides(loss: str) -> None:
    """One Gaussian alone: blended over black it is a sum."""
    raw = start("alpha", 1)
    raw[0, :2], raw[0, 2:5], raw[0, 8] = 0.1, (3.0, 0.2, 4.0), 3.0
    summed, blended = canvas_of("sum", "cholesky", loss), canvas_of("alpha", "cholesky", loss)
    (one, by_one), (other, by_other) = summed.evaluate_raw(raw), blended.evaluate_raw(raw)
    # A sum cuts at weights of 1/255, a blend at opacity times weight.
    assert other == pytest.approx(one, rel=1e-3)
    np.testing.assert_allclose(by_other, by_one, rtol=0.1, atol=0.03 * np.abs(by_one).max())


def test_the_gradient_of_the_sigmoid_of_an_angle() -> None:
    raw = np.array([[1.0, 2.0, 0.3]])
    gradient = activate_shape_backward("rs", activate_shape("rs", raw), np.ones((1, 3)))
    up, down = (activate_shape("rs", raw + np.array([0, 0, d]))[0, 2] for d in (1e-6, -1e-6))
    assert gradient[0, 2] == pytest.approx((up - down) / 2e-6, rel=1e-6)
    assert gradient[0, :2].tolist() == [1.0, 1.0]


def fit(**options: object) -> Callable[[], object]:
    image = np.rint(255 * TARGET).astype(np.uint8)
    return codec.fit(image, gaussians=40, iterations=120, threads=1, **options)


@pytest.mark.parametrize("blend", ["sum", "sum+opacity", "alpha"])
@pytest.mark.parametrize("covariance", ["cholesky", "rs"])
def test_fits_improve_with_a_fixed_number(blend: str, covariance: str) -> None:
    fitted = fit(
        optimizer="adan", blend=blend, covariance=covariance, settings={"learning_rate": 0.02}
    )
    assert len(fitted.mean) == 40
    assert fitted.psnr > fitted.history[0][1] + 5
    assert fitted.report.parameters == 40 * (8 if blend == "sum" else 9)
    assert (fitted.opacity is not None) == (blend == "alpha")
    assert not fitted.background.any()


def test_the_start_is_the_papers() -> None:
    raw = sample_initial(20000, 3, np.random.default_rng(1), 1.0)
    assert np.abs(np.tanh(raw[:, :2]).mean(axis=0)).max() < 0.02
    assert np.tanh(raw[:, :2]).std(axis=0) == pytest.approx(1 / math.sqrt(3), rel=0.02)
    assert raw[:, 2:8].min() >= 0.0
    assert raw[:, 2:8].max() <= 1.0
    assert raw[:, 2:8].mean(axis=0) == pytest.approx(0.5, abs=0.02)
    assert (raw[:, 8] == 1.0).all()


def test_the_rate_is_halved_and_halved_again() -> None:
    recipe = AdanRecipe()
    assert (recipe.learning_rate, recipe.lr_halve_every, recipe.epsilon) == (1e-3, 20000, 1e-8)
    assert (recipe.beta1, recipe.beta2, recipe.beta3) == (0.98, 0.92, 0.99)
    steps = (0, 19999, 20000, 39999, 40000, 49999)
    assert [recipe.learning_rate_factor(step) for step in steps] == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_the_first_step_moves_everything_by_the_rate() -> None:
    raw = start("sum")
    canvas = canvas_of("sum", "cholesky")
    moved = optimise(canvas, raw, AdanRecipe(epsilon=1e-30), 1, lambda loss, count: None)
    _, gradient = canvas.evaluate_raw(raw)
    felt = gradient != 0.0
    np.testing.assert_allclose((raw - moved)[felt], 1e-3 * np.sign(gradient[felt]), rtol=1e-6)


@pytest.mark.parametrize("covariance", ["cholesky", "rs"])
def test_fits_are_continued_where_they_ended(covariance: str) -> None:
    fitted = fit(optimizer="adan", covariance=covariance)
    for other in ("cholesky", "rs"):
        raw = make_raw_parameters(fitted, other)
        again = canvas_of("sum", other).sse(raw)
        assert -10 * math.log10(again / TARGET.size) == pytest.approx(fitted.psnr, abs=0.02)


def test_other_fits_are_not_continued() -> None:
    with pytest.raises(InputError, match="background"):
        make_raw_parameters(fit(), "cholesky")
    with pytest.raises(InputError, match="blended"):
        make_raw_parameters(fit(optimizer="adan", covariance="rs", blend="alpha"), "rs")


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adan"},
        {"optimizer": "adan", "covariance": "log"},
        {"blend": "alpha"},
        {"blend": "sum+opacity", "covariance": "rs"},
        {"blend": "beta"},
    ],
)
def test_options_that_exclude_each_other(options: dict[str, str]) -> None:
    with pytest.raises(OptionError, match=r"exclude|one of"):
        FitOptions(**options)


def test_splats_have_no_floor() -> None:
    splats = Geometry("rs", 9, 9, np.zeros((2, 2)), np.ones((2, 3))).make_splats(np.ones((2, 1)))
    assert isinstance(splats, Splats)
    assert splats.offset.tolist() == [0.0, 0.0]
    np.testing.assert_allclose(splats.cutoff, math.log(255.0), rtol=1e-6)
