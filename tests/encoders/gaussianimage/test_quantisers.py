"""Learned grids and codebooks of GaussianImage, against torch and against plain loops."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from gaussianimage_scenes import scene

from gsic.arrays import Float64
from gsic.encoders.gaussianimage.lsq import LearnedGrid
from gsic.encoders.gaussianimage.rvq import (
    CodebookValues,
    LearnedCodebooks,
    compute_commitment,
    find_nearest,
    run_k_means,
    sum_members,
)
from gsic.profiles.gaussianimage.dequantisation import dequantise
from gsic.profiles.gaussianimage.symbols import round_position


def values_of(count: int = 40, columns: int = 3, seed: int = 0) -> Float64:
    return np.random.default_rng(seed).normal(1.0, 2.0, (count, columns))


def test_a_grid_begins_with_the_range() -> None:
    values = values_of()
    grid = LearnedGrid(values, 6).freeze()
    np.testing.assert_allclose(grid.origin, values.min(axis=0), rtol=1e-6)
    np.testing.assert_allclose(grid.step, np.ptp(values, axis=0) / 63.0, rtol=1e-6)


def test_golden_symbols() -> None:
    values = np.array([[0.0], [0.24], [0.26], [0.5], [0.76], [1.5], [-0.5]])
    learned = LearnedGrid(np.array([[0.0], [1.5]]), 2)
    assert learned.freeze().step.tolist() == [0.5]
    grid = learned.freeze()
    assert learned.quantise(values, grid).symbols.ravel().tolist() == [0, 0, 1, 1, 2, 3, 0]
    assert grid.dequantise(np.array([[0], [3]])).ravel().tolist() == [0.0, 1.5]
    # As eq. 8 is printed.
    printed = LearnedGrid(np.array([[0.0], [1.5]]), 2, round_down=True)
    assert printed.quantise(values, grid).symbols.ravel().tolist() == [0, 0, 0, 1, 1, 3, 0]


def test_one_value_has_a_grid_too() -> None:
    learned = LearnedGrid(np.full((5, 3), 2.0), 6)
    on_grid = learned.quantise(np.full((5, 3), 2.0), learned.freeze())
    assert not on_grid.symbols.any()
    np.testing.assert_allclose(on_grid.values, 2.0)


def test_gradients_of_a_grid_are_those_of_straight_through_rounding() -> None:
    """Of the values, of gamma and of beta, as torch takes them: some values lie out of range."""
    values, upstream = values_of(200), values_of(200, seed=1)
    learned = LearnedGrid(values, 4)
    learned.learned[0] *= 0.7
    learned.learned[1] += 0.4
    grid = learned.freeze()
    on_grid = learned.quantise(values, grid)
    assert {0, 15} <= set(on_grid.symbols.ravel().tolist())
    x = torch.from_numpy(values).requires_grad_()
    step = torch.from_numpy(grid.step.astype(np.float64)).requires_grad_()
    origin = torch.from_numpy(grid.origin.astype(np.float64)).requires_grad_()
    code = ((x - origin) / step).clamp(0, 15)
    rounded = code + (code.round() - code).detach()
    seen = rounded * step + origin
    np.testing.assert_allclose(on_grid.values, seen.detach().numpy(), rtol=1e-12)
    seen.backward(torch.from_numpy(upstream))
    by_values, by_grid = learned.backward(on_grid, upstream)
    np.testing.assert_allclose(by_values, x.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(by_grid[0], step.grad.numpy(), rtol=1e-9)
    np.testing.assert_allclose(by_grid[1], origin.grad.numpy(), rtol=1e-9, atol=1e-9)


def test_gradients_of_a_grid_by_finite_differences() -> None:
    """With the rounding error of each value held, what is left is smooth in gamma and beta."""
    values, upstream = values_of(60), values_of(60, seed=2)
    learned = LearnedGrid(values, 3)
    learned.learned[0] *= 0.8
    learned.learned[1] += 0.3
    grid = learned.freeze()
    on_grid = learned.quantise(values, grid)
    step, origin = grid.step.astype(np.float64), grid.origin.astype(np.float64)
    error = on_grid.symbols - np.clip(on_grid.exact, 0.0, 7.0)

    def loss(step: Float64, origin: Float64) -> float:
        code = np.clip((values - origin) / step, 0.0, 7.0) + error
        return float((upstream * (code * step + origin)).sum())

    _, by_grid = learned.backward(on_grid, upstream)
    for column in range(3):
        d = np.eye(3)[column] * 1e-6
        by_step = (loss(step + d, origin) - loss(step - d, origin)) / 2e-6
        by_origin = (loss(step, origin + d) - loss(step, origin - d)) / 2e-6
        assert by_grid[0, column] == pytest.approx(by_step, rel=1e-5, abs=1e-5)
        assert by_grid[1, column] == pytest.approx(by_origin, rel=1e-5, abs=1e-5)


def test_the_nearest_by_brute_force() -> None:
    values, vectors = values_of(500), values_of(8, seed=3)
    distance = ((values[:, None] - vectors[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(find_nearest(values, vectors), distance.argmin(axis=1))
    equal = np.concatenate((vectors[2:3], vectors[2:3]))
    assert not find_nearest(values, equal).any()


def lloyd(values: Float64, centres: Float64, iterations: int) -> Float64:
    """K-means as a textbook has it."""
    for _ in range(iterations):
        groups: list[list[Float64]] = [[] for _ in centres]
        for value in values:
            distances = [float(((value - centre) ** 2).sum()) for centre in centres]
            groups[distances.index(min(distances))].append(value)
        centres = np.array(
            [
                np.mean(group, axis=0) if group else centre
                for group, centre in zip(groups, centres, strict=True)
            ]
        )
    return centres


def test_k_means_against_a_plain_loop() -> None:
    values = values_of(120)
    rng = np.random.default_rng(5)
    centres, count = run_k_means(values, 8, 5, rng)
    first = values[np.random.default_rng(5).choice(120, 8, replace=False)]
    np.testing.assert_allclose(centres, lloyd(values, first, 5), rtol=1e-12)
    assert count.sum() == 120.0


def test_an_empty_cluster_keeps_its_centre() -> None:
    values = np.repeat([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], 5, axis=0)
    centres, count = run_k_means(values, 8, 5, np.random.default_rng(0))
    assert sorted(count.tolist()) == [0.0] * 6 + [5.0] * 2
    assert set(map(tuple, centres.tolist())) == {(0.0, 0.0, 0.0), (1.0, 1.0, 1.0)}


def test_fewer_values_than_vectors() -> None:
    learned = LearnedCodebooks(values_of(3), 2, 8, 5, 0.8, np.random.default_rng(0))
    quantised = learned.quantise(values_of(3), learned.freeze())
    np.testing.assert_allclose(quantised.values, values_of(3), atol=1e-6)


def learned_of(values: Float64, stages: int = 2, decay: float = 0.8) -> LearnedCodebooks:
    return LearnedCodebooks(values, stages, 8, 5, decay, np.random.default_rng(7))


def test_stages_code_what_the_stages_before_left() -> None:
    values = values_of(400)
    learned = learned_of(values, 3)
    codebooks = learned.freeze()
    quantised = learned.quantise(values, codebooks)
    energies = [float(np.square(residual).sum()) for residual in quantised.residuals]
    energies.append(float(np.square(values - quantised.values).sum()))
    assert all(after < 0.7 * before for before, after in pairwise(energies))
    np.testing.assert_allclose(
        codebooks.dequantise(quantised.symbols), quantised.values, rtol=1e-12
    )
    for value, symbols in zip(values[:50], quantised.symbols, strict=False):
        left = value
        for vectors, symbol in zip(codebooks.vectors.astype(np.float64), symbols, strict=True):
            assert symbol == int(((vectors - left) ** 2).sum(axis=1).argmin())
            left = left - vectors[symbol]


def test_codebooks_follow_their_members() -> None:
    """Moving averages of sizes and sums with a decay of 0.8, a step and again, in plain loops."""
    values = values_of(90)
    learned = learned_of(values, 1)
    (book,) = learned.freeze().vectors.astype(np.float64)
    book, count = run_k_means(values, 8, 5, np.random.default_rng(7))
    sums = book * count[:, None]
    rng = np.random.default_rng(8)
    for _ in range(4):
        values = values + rng.normal(0.0, 0.5, values.shape)
        seen = learned.quantise(values, learned.freeze())
        learned.update(seen)
        for k in range(8):
            mine = values[seen.symbols[:, 0] == k]
            count[k] = 0.8 * count[k] + 0.2 * len(mine)
            sums[k] = 0.8 * sums[k] + 0.2 * mine.sum(axis=0)
        smoothed = (count + 1e-5) / (count.sum() + 8e-5) * count.sum()
        for k in range(8):
            if (seen.symbols == k).any():
                book[k] = sums[k] / smoothed[k]
        np.testing.assert_allclose(learned.freeze().vectors[0], book, rtol=1e-5, atol=1e-6)


def test_an_unused_vector_stays() -> None:
    learned = learned_of(values_of(), 1)
    before = learned.freeze().vectors[0]
    one = np.tile(before[3].astype(np.float64), (6, 1))
    for _ in range(50):
        learned.update(learned.quantise(one, learned.freeze()))
    after = learned.freeze().vectors[0]
    np.testing.assert_array_equal(np.delete(after, 3, axis=0), np.delete(before, 3, axis=0))


def test_members_are_counted_and_summed() -> None:
    index, values = np.array([2, 0, 2, 2]), values_of(4)
    count, sums = sum_members(index, values, 4)
    assert count.tolist() == [1.0, 0.0, 3.0, 0.0]
    np.testing.assert_allclose(sums[2], values[[0, 2, 3]].sum(axis=0))
    assert not sums[1].any()


@pytest.fixture
def quantised() -> CodebookValues:
    values = values_of(30)
    learned = learned_of(values)
    return learned.quantise(values, learned.freeze())


def test_the_commitment_loss_of_the_code_pulls_colours(quantised: CodebookValues) -> None:
    """Mean over N C of each stage, code vectors held, residuals the colour less what is held."""
    colors = torch.from_numpy(quantised.residuals[0].copy()).requires_grad_()
    held = [torch.from_numpy(chosen) for chosen in quantised.chosen]
    stages = [torch.nn.functional.mse_loss(colors, held[0])]
    stages.append(torch.nn.functional.mse_loss(colors - held[0], held[1]))
    loss = sum(stages)
    loss.backward()
    ours = compute_commitment(quantised, "code", 8)
    assert ours.loss == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(ours.gradient, colors.grad.numpy(), rtol=1e-12)


def test_the_commitment_loss_as_printed_pulls_nothing(quantised: CodebookValues) -> None:
    """Eq. 10 stops the gradient of the residual, and moving averages stop that of the codebook."""
    gaps = [r - c for r, c in zip(quantised.residuals, quantised.chosen, strict=True)]
    printed = compute_commitment(quantised, "paper", 8)
    assert printed.loss == pytest.approx(sum((gap**2).sum() for gap in gaps) / (30 * 8))
    assert not printed.gradient.any()


def test_positions_are_halves_before_the_tanh() -> None:
    raw = np.array([[0.0, 1.0], [-2.5, 7.9], [1e9, -1e9]])
    bits = round_position(raw).view(np.uint16)
    assert bits.tolist() == [[0x0000, 0x3C00], [0xC100, 0x47E6], [0x7BFF, 0xFBFF]]


def test_positions_are_finer_than_a_sixth_of_a_pixel() -> None:
    """On 768 px, wherever the position."""
    halves = np.arange(0x4400, dtype=np.uint16).view(np.float16).astype(np.float64)
    gaps = np.diff((np.tanh(halves) + 1.0) / 2.0 * 768.0)
    assert 0.1 < gaps.max() <= 0.16


def test_a_drawing_is_the_dequantised_symbols() -> None:
    image = scene(1, coding="packed")
    seen = dequantise(image)
    x, y = image.position[0].view(np.float16).astype(float)
    expected = ((math.tanh(x) + 1) / 2 * 40 + 0.5, (math.tanh(y) + 1) / 2 * 30 + 0.5)
    assert seen.mean[0].tolist() == pytest.approx(expected, rel=1e-14)
    step, origin = (
        a.astype(float) for a in (image.shape_quantiser.step, image.shape_quantiser.origin)
    )
    l1, l2, l3 = image.shape[0] * step + origin + [0.5, 0.0, 0.5]
    assert seen.entries.s12[0] == pytest.approx(l1 * l2)
    assert seen.entries.s22[0] == pytest.approx(l2 * l2 + l3 * l3)
    assert seen.entries.det[0] == pytest.approx((l1 * l3) ** 2)
    first, second = image.color_quantiser.vectors[[0, 1], image.color[0]].astype(float)
    np.testing.assert_allclose(seen.color[0], first + second)
    assert seen.cutoff.tolist() == [math.log(255.0)]
    assert not seen.offset.any()
    assert not seen.background.any()
    assert seen.opacity is None
