"""The fit of profile 2dgs: parameters and their gradients, K-means, density control."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gsic.encoders.two_dgs.density_control import choose, control_density
from gsic.encoders.two_dgs.kmeans import Clusters
from gsic.encoders.two_dgs.parameters import (
    COLOR,
    POSITION,
    SHAPE,
    Attributes,
    ForwardState,
    backward,
    find_peak,
    forward,
    logit,
    sigmoid,
)
from gsic.encoders.two_dgs.recipe import CODE, PAPER, TwoDgsRecipe, adaptive_clusters, recipe_of
from gsic.encoders.two_dgs.resampling import Enlargement, halve
from gsic.encoders.two_dgs.training import Plan, Trained, TrainingLoss, sample_initial, train
from gsic.errors import OptionError
from gsic.fitting.optimisers import Adam
from gsic.gaussians import compute_factor
from gsic.profiles.two_dgs.dequantisation import compute_entries, compute_means
from gsic.profiles.two_dgs.symbols import Grid
from gsic_kernels import registry
from gsic_kernels.backend import Backend
from gsic_kernels.types import Window

CPU = registry.get("cpu")


def attributes(count: int, channels: int, seed: int) -> Attributes:
    rng = np.random.default_rng(seed)
    shape = rng.uniform(0.08, 0.4, (count, 3))
    shape[:, 2] = rng.random(count)
    return Attributes(
        rng.uniform(0.1, 0.9, (count, 2)), shape, rng.uniform(0.2, 0.9, (count, channels + 1))
    )


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_by_finite_differences(normalised: bool, channels: int) -> None:
    grid = Grid(14, 11, 1, normalised)
    given = attributes(5, channels, seed=channels)
    window, background = Window(0, 0, 14, 11), np.zeros(channels, np.float32)
    weights = np.random.default_rng(4).normal(size=(11, 14, channels)).astype(np.float32)

    drawn = forward(grid, given, False)
    visible = seen_pixels(drawn, window)

    def value(values: np.ndarray) -> float:
        """The weighted sum of a rendering, in float64, with the cuts where they are."""
        seen = Attributes(values[:, POSITION], values[:, SHAPE], values[:, COLOR])
        factor = compute_factor(compute_entries(grid, seen.shape))
        image = np.zeros((11, 14, channels))
        left = np.ones((11, 14))
        x, y = np.meshgrid(np.arange(14) + 0.5, np.arange(11) + 0.5)
        for n, (mx, my) in enumerate(compute_means(grid, seen.position)):
            p, r, t = factor[n]
            q = 0.5 * ((p * (x - mx) + r * (y - my)) ** 2 + (t * (y - my)) ** 2)
            alpha = seen.color[n, -1] * np.exp(-q) * visible[n]
            image += (left * alpha)[..., None] * seen.color[n, :-1]
            left *= 1 - alpha
        return float((image * weights).sum())

    values = np.concatenate(given, axis=1)
    blended = CPU.render_alpha(drawn.splats, drawn.opacity, window, background)
    assert (blended.stop == len(values)).all()
    assert value(values) == pytest.approx(float((blended.image * weights).sum()), rel=1e-4)
    arguments = drawn.splats, drawn.opacity, window, background, blended, weights
    gradient = np.concatenate(backward(grid, drawn, CPU.render_alpha_backward(*arguments)), axis=1)
    for n in range(len(values)):
        for column in range(values.shape[1]):
            moved = [values.copy() for _ in range(2)]
            moved[0][n, column] += 1e-6
            moved[1][n, column] -= 1e-6
            expected = (value(moved[0]) - value(moved[1])) / 2e-6
            assert gradient[n, column] == pytest.approx(expected, rel=2e-3, abs=2e-3), column


def seen_pixels(drawn: ForwardState, window: Window) -> np.ndarray:
    """Where each Gaussian counts at all, bool (N, H, W)."""
    splats, opacity, *_ = drawn
    y, x = np.mgrid[0 : window.height, 0 : window.width] + 0.5
    seen = []
    for n in range(len(opacity)):
        p, r, t = splats.factor[n].astype(np.float64)
        dx, dy = x - splats.mean[n, 0], y - splats.mean[n, 1]
        q = 0.5 * ((p * dx + r * dy) ** 2 + (t * dy) ** 2)
        seen.append((q <= splats.cutoff[n]) & (opacity[n] * np.exp(-q) >= 1 / 255))
    return np.array(seen)


def test_logits() -> None:
    values = np.array([0.0, 1e-6, 0.2, 0.5, 1.0])
    assert sigmoid(logit(values)) == pytest.approx(np.clip(values, 1e-6, 1 - 1e-6))


def test_the_largest_gaussian_divides_all() -> None:
    grid = Grid(9, 7, 1, True)
    given = attributes(4, 3, seed=2)
    plain, normalised = (forward(grid, given, each) for each in (False, True))
    largest = find_peak(grid, compute_means(grid, given.position), plain.factor)
    x, y = np.meshgrid(np.arange(9) + 0.5, np.arange(7) + 0.5)
    values = []
    for (mx, my), (p, r, t) in zip(compute_means(grid, given.position), plain.factor, strict=True):
        q = 0.5 * ((p * (x - mx) + r * (y - my)) ** 2 + (t * (y - my)) ** 2)
        values.append(np.exp(-q).max())
    assert largest == pytest.approx(max(values))
    ratio = normalised.opacity / plain.opacity
    assert ratio == pytest.approx(np.full(4, 1 / (largest + 1e-5)), rel=1e-5)


def clusters(rows: int, columns: int, **changes: object) -> Clusters:
    recipe = TwoDgsRecipe(**changes)
    return Clusters(recipe, rows, np.ones(columns), np.random.default_rng(0))


def test_k_means_against_a_plain_loop() -> None:
    values = np.random.default_rng(1).random((200, 3))
    found = clusters(16, 3)
    centroids = values[np.random.default_rng(0).permutation(200)[:16]]
    for _ in range(10):
        index = [int(np.square(centroids - row).sum(axis=1).argmin()) for row in values]
        centroids = np.array([values[np.equal(index, k)].mean(axis=0) for k in range(16)])
    assert np.allclose(found.update(values), centroids[index], atol=1e-12)
    assert found.index.tolist() == index
    # Carried over: a second call goes on from there, and does not begin anew.
    before = np.square(values - found.centroids[found.index]).sum()
    after = np.square(values - found.update(values)).sum()
    assert after <= before


@given(
    count=st.integers(1, 60),
    rows=st.integers(1, 20),
    empty=st.sampled_from(["farthest", "zero"]),
    seed=st.integers(0, 99),
)
def test_at_most_k_distinct_rows(count: int, rows: int, empty: str, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 4, (count, 3)) / 4
    found = clusters(rows, 3, empty=empty)
    for _ in range(3):
        quantised = found.update(values)
        assert len(np.unique(quantised, axis=0)) <= rows
        assert quantised.shape == values.shape


def test_empty_clusters() -> None:
    values = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.9, 0.1]])
    zero = clusters(4, 2, empty="zero", cluster_iterations=1)
    zero.update(values)
    assert (zero.centroids == 0).all(axis=1).sum() == 2
    farthest = clusters(2, 2, empty="farthest")
    farthest.centroids = np.array([[0.6, 0.4], [9.0, 9.0]])
    assert np.array_equal(farthest.update(values), values)


def test_gradients_through_centroids() -> None:
    values = np.random.default_rng(5).random((30, 3))
    grad = np.random.default_rng(6).normal(size=(30, 3))
    for shared in (False, True):
        found = clusters(5, 3, shared_gradient=shared)
        found.update(values)
        rows = torch.tensor(values, requires_grad=True)
        index = torch.tensor(found.index)
        centroids = torch.stack([rows[index == k].mean(dim=0) for k in range(5)])
        through = centroids[index] if shared else centroids[index].detach()
        ((rows - rows.detach() + through) * torch.tensor(grad)).sum().backward()
        assert found.backward(grad) == pytest.approx(rows.grad.numpy())


def control_of(
    logits: np.ndarray, gradient: np.ndarray, most: int, **changes: object
) -> np.ndarray:
    """The Gaussians after one control."""
    adam = Adam(logits, np.full(logits.shape[1], 0.01), (0.9, 0.999))
    rng = np.random.default_rng(0)
    control_density(TwoDgsRecipe(**changes), Grid(60, 40, 1, False), adam, gradient, most, rng)
    return adam.values


def three() -> tuple[np.ndarray, np.ndarray]:
    """Three Gaussians, and a gradient that pulls the second to the right."""
    logits = logit(np.full((3, 9), 0.3))
    logits[:, SHAPE] = logit(np.array([0.05, 0.05, 0.0]))
    gradient = np.zeros((3, 9))
    gradient[1, 0] = -1e-3
    return logits, gradient


def test_a_clone_moves_along_the_gradient() -> None:
    logits, gradient = three()
    after = control_of(logits, gradient, 9, large=1.0)
    assert len(after) == 4
    assert np.array_equal(after[:3], logits)
    assert sigmoid(after[3, 0]) == pytest.approx(0.3 + 0.05)
    assert after[3, 1:] == pytest.approx(logits[1, 1:])


def test_halves_are_smaller_and_apart() -> None:
    logits, gradient = three()
    after = control_of(logits, gradient, 9)
    assert len(after) == 4
    assert sigmoid(after[[1, 3], 2:4]) == pytest.approx(np.full((2, 2), 0.05 / 1.6))
    assert np.abs(after[1, :2] - after[3, :2]).max() > 0.01
    assert np.array_equal(after[[0, 2]], logits[[0, 2]])
    assert np.array_equal(after[3, 4:], logits[1, 4:])


def test_faint_gaussians_go() -> None:
    logits, gradient = three()
    logits[0, -1] = logit(np.array(0.0005))
    after = control_of(logits, 0 * gradient, 9)
    assert np.array_equal(after, logits[1:])


def test_the_published_errors() -> None:
    logits, gradient = three()
    logits[0, -1] = logit(np.array(0.0005))
    logits[2, 5] = logit(np.array(0.0005))
    after = control_of(logits, gradient, 9, control="code")
    # Red goes for opacity; scales of 0.05 grow to 0.137; the second one is where the first one is.
    assert np.array_equal(after[0], logits[0])
    assert len(after) == 3
    assert sigmoid(after[1, 2:4]) == pytest.approx([0.137, 0.137], abs=1e-3)
    assert np.array_equal(after[1], after[2])


def test_the_cap() -> None:
    logits = np.repeat(three()[0], 5, axis=0)
    gradient = np.zeros((15, 9))
    gradient[:, 0] = 1e-3 * np.arange(1, 16)
    chosen = choose(PAPER, logits, gradient, 3)
    assert chosen.split.tolist() == [14, 13, 12]
    assert len(control_of(logits, gradient, 18)) == 18
    assert len(control_of(logits, gradient, 15)) == 15
    # In the code all of a kind find room, or none.
    assert len(control_of(logits, gradient, 18, control="code")) == 15
    assert len(control_of(logits, gradient, 30, control="code")) == 30


def test_adaptive_rows() -> None:
    firsts = [1, 100, 199, 200, 499, 500, 699, 700, 1000, 5000]
    assert [adaptive_clusters(first) for first in firsts] == [
        *(32, 32, 32, 64, 64, 128, 128, 256, 256, 256)
    ]


def test_recipes() -> None:
    assert recipe_of(5, {}) == PAPER
    assert recipe_of(5, {"variant": "code"}) == CODE
    assert recipe_of(5, {"variant": "code", "axes": "pixel"}).axes == "pixel"
    assert (recipe_of(1, {}).steps, recipe_of(1, {}).interval) == (100, 10)
    assert recipe_of(5, {"more_bits": "0,2"}).more_bits == (0, 2)
    for settings in ({"axes": "diagonal"}, {"steps": "0"}, {"split": 0.5}, {"no": 1}):
        with pytest.raises(OptionError):
            recipe_of(5, settings)


def test_starts() -> None:
    planes = np.random.default_rng(0).random((20, 30, 3)).astype(np.float32)
    logits = sigmoid(sample_initial(planes, PAPER, 200, np.random.default_rng(1)))
    place = np.rint(logits[:, :2] * (29, 19)).astype(int)
    assert logits[:, :2] * (29, 19) == pytest.approx(place, abs=1e-4)
    assert logits[:, 5:8] == pytest.approx(planes[place[:, 1], place[:, 0]], abs=1e-5)
    for recipe in (PAPER, CODE):
        logits = sigmoid(sample_initial(planes, recipe, 500, np.random.default_rng(1)))
        assert logits[:, 2:4].max() <= 0.1
        assert 0.1 / 1.1 - 1e-6 <= logits[:, -1].min() < 0.12


@pytest.mark.parametrize("shape", [(8, 6, 3), (9, 7, 1), (1, 1, 2)])
def test_halving(shape: tuple[int, int, int]) -> None:
    planes = np.random.default_rng(0).random(shape).astype(np.float32)
    small = halve(planes)
    assert small.shape == (-(-shape[0] // 2), -(-shape[1] // 2), shape[2])
    tensor = torch.tensor(small).permute(2, 0, 1)[None].requires_grad_()
    larger = torch.nn.functional.interpolate(tensor, scale_factor=2, mode="bicubic")[0]
    larger = larger.permute(1, 2, 0)[: shape[0], : shape[1]]
    enlargement = Enlargement(*shape[:2])
    assert np.allclose(enlargement.enlarge(small), larger.detach().numpy(), atol=1e-6)
    (larger * torch.tensor(planes)).sum().backward()
    expected = tensor.grad[0].permute(1, 2, 0).numpy()
    assert np.allclose(enlargement.backward(planes), expected, atol=1e-5)


@pytest.mark.parametrize("loss_name", ["l1+ssim", "l1"])
@pytest.mark.parametrize("resolution", ["full", "half"])
def test_the_gradient_of_the_loss(resolution: str, loss_name: str) -> None:
    planes = np.random.default_rng(0).random((16, 18, 1)).astype(np.float32)
    recipe = TwoDgsRecipe(resolution=resolution, loss=loss_name)
    training_loss = TrainingLoss(planes, recipe, CPU, 1)
    given = attributes(1, 1, seed=3)
    values = np.concatenate(given, axis=1)

    def loss(values: np.ndarray) -> float:
        drawn = forward(training_loss.grid, Attributes(*np.split(values, [2, 5], axis=1)), False)
        window = Window(0, 0, training_loss.grid.width, training_loss.grid.height)
        image = CPU.render_alpha(drawn.splats, drawn.opacity, window, np.zeros(1, np.float32)).image
        targets = [(image, planes)]
        if resolution == "half":
            targets = [(image, halve(planes)), (Enlargement(16, 18).enlarge(image), planes)]
        total = 0.0
        for seen, wanted in targets:
            compared = CPU.SsimLoss(wanted, 1).compare(seen, 1.0, 1.0)
            if loss_name == "l1":
                total += compared.absolute
            else:
                total += 0.5 * compared.absolute + 0.5 * (1 - compared.ssim) / 2
        return total

    drawn = forward(training_loss.grid, given, False)
    _, grad = training_loss.step(drawn.splats, drawn.opacity)
    gradient = np.concatenate(backward(training_loss.grid, drawn, grad), axis=1)
    for column in (5, 6):  # colour and opacity: what they do is smooth
        moved = [values.copy() for _ in range(2)]
        moved[0][0, column] += 1e-3
        moved[1][0, column] -= 1e-3
        expected = (loss(moved[0]) - loss(moved[1])) / 2e-3
        assert gradient[0, column] == pytest.approx(expected, rel=0.03, abs=1e-4)


def trained(backend: Backend = CPU, **changes: object) -> tuple[list[float], Trained]:
    y, x = np.mgrid[0:32, 0:40] / 40
    planes = np.stack((x, y, 0.5 + 0.4 * np.sin(9 * x * y)), axis=2).astype(np.float32)
    # Sixty steps at the usual rate go nowhere.
    recipe = TwoDgsRecipe(**{"steps": 60, "interval": 20, "learning_rate": 0.05, **changes})
    errors: list[float] = []
    plan = Plan(first=20, most=40, clusters=8)
    state = train(planes, recipe, plan, 3, backend, 1, lambda mse, count: errors.append(mse))
    return errors, state


@pytest.mark.parametrize("variant", [PAPER, CODE])
def test_a_fit_gets_better_and_is_repeatable(variant: TwoDgsRecipe) -> None:
    names = ("axes", "resolution", "normalise", "start", "empty", "control")
    changes = {name: getattr(variant, name) for name in names}
    errors, state = trained(**changes)
    assert min(errors) < 0.8 * errors[0]
    assert len(state.shapes) <= 8
    assert len(state.colors) <= 8
    assert len(state.position) <= 40
    again, other = trained(**changes)
    assert again == errors
    assert all(np.array_equal(a, b) for a, b in zip(state, other, strict=True))
