"""Adam against its textbook, row by row, while rows are added."""

import numpy as np
import pytest

from gsic.arrays import Float64
from gsic.fitting.optimisers import Adam

RATES = np.array([0.5, 0.03, 0.015])
BETAS = (0.9, 0.99)


class Row:
    """Adam of one row, as Kingma and Ba write it."""

    def __init__(self, values: Float64) -> None:
        self.values = values.copy()
        self.first = np.zeros_like(values)
        self.second = np.zeros_like(values)
        self.age = 0

    def step(self, gradient: Float64, scale: float) -> None:
        beta1, beta2 = BETAS
        self.age += 1
        self.first = beta1 * self.first + (1 - beta1) * gradient
        self.second = beta2 * self.second + (1 - beta2) * gradient**2
        first = self.first / (1 - beta1**self.age)
        second = self.second / (1 - beta2**self.age)
        self.values -= scale * RATES * first / (np.sqrt(second) + 1e-12)


def test_every_row_is_an_adam_of_its_own_age() -> None:
    rng = np.random.default_rng(1)
    start = rng.normal(size=(5, 3))
    adam, rows = Adam(start, RATES, BETAS), [Row(values) for values in start]
    for step in range(40):
        if step in (3, 17):
            new = rng.normal(size=(4, 3))
            adam.append(new)
            rows += [Row(values) for values in new]
        gradient, scale = rng.normal(size=(len(rows), 3)), 1.0 / (1 + step)
        adam.step(gradient, scale)
        for row, by_row in zip(rows, gradient, strict=True):
            row.step(by_row, scale)
        np.testing.assert_allclose(adam.values, [row.values for row in rows], rtol=1e-6)
    assert {row.age for row in rows} == {40, 37, 23}


def test_the_first_step_is_as_long_as_the_rate_whatever_the_gradient() -> None:
    adam = Adam(np.zeros((2, 3)), RATES, BETAS)
    adam.step(np.array([[1e-6, 1.0, -3.0], [1e4, -1e-3, 7.0]]), 0.5)
    signs = [[-1, -1, 1], [-1, 1, -1]]
    np.testing.assert_allclose(adam.values, 0.5 * RATES * signs, rtol=1e-4)


def test_nothing_pulls_nothing_moves() -> None:
    start = np.random.default_rng(2).normal(size=(3, 3))
    adam = Adam(start, RATES, BETAS)
    for _ in range(3):
        adam.step(np.zeros((3, 3)), 1.0)
    np.testing.assert_array_equal(adam.values, start)


def test_what_was_given_is_left_alone() -> None:
    start = np.ones((2, 3))
    adam = Adam(start, RATES, BETAS)
    adam.step(np.ones((2, 3)), 1.0)
    np.testing.assert_array_equal(start, np.ones((2, 3)))


def test_columns_stay_contiguous_whatever_rows_come_and_go() -> None:
    """Kernels take them as they are."""
    adam = Adam(np.zeros((0, 3)), RATES, BETAS)
    for mask in ([True, False, True, True], [False, True, True, True, False, True, True]):
        adam.append(np.ones((4, 3)))
        adam.keep(np.array(mask))
        assert all(matrix.flags.f_contiguous for matrix in adam.state[:3])
    assert adam.values.shape == (5, 3)


@pytest.mark.parametrize("count", [0, 1])
def test_no_rows_at_all(count: int) -> None:
    adam = Adam(np.zeros((0, 3)), RATES, BETAS)
    adam.step(np.zeros((0, 3)), 1.0)
    adam.append(np.ones((count, 3)))
    adam.step(np.zeros((count, 3)), 1.0)
    assert adam.values.shape == (count, 3)


def test_a_parabola_is_descended() -> None:
    adam = Adam(np.full((1, 3), 2.0), RATES, BETAS)
    for step in range(900):
        adam.step(2.0 * adam.values, 1.0 - step / 900)
    assert np.abs(adam.values).max() < 0.01
