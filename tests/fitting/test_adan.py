"""Adan against its paper's algorithm, written out plainly."""

import numpy as np

from gsic.arrays import Float64
from gsic.fitting.optimisers import Adan

RATE, BETAS, EPSILON = 1e-3, (0.98, 0.92, 0.99), 1e-8

# Of the gradients below, by the authors' order of operations in plain floats.
GOLDEN = [
    0.99900000001,
    0.9982805027503363,
    0.9987379604590452,
    0.9988167714864339,
    0.9984987448437266,
]


def trajectory(start: Float64, gradients: list[Float64]) -> list[Float64]:
    """Algorithm 1 of Xie et al., with 1 - beta for its betas, and corrected for the first bias."""
    b1, b2, b3 = (1.0 - beta for beta in BETAS)
    theta, last = start.copy(), gradients[0]
    m, v, n = (np.zeros_like(start) for _ in range(3))
    path = []
    for k, g in enumerate(gradients, 1):
        m = (1 - b1) * m + b1 * g
        v = (1 - b2) * v + b2 * (g - last)
        n = (1 - b3) * n + b3 * (g + (1 - b2) * (g - last)) ** 2
        c1, c2, c3 = (1 - beta**k for beta in BETAS)
        eta = RATE / (np.sqrt(n / c3) + EPSILON)
        theta = theta - eta * (m / c1 + (1 - b2) * v / c2)
        last = g
        path.append(theta)
    return path


def test_it_follows_the_published_rule() -> None:
    rng = np.random.default_rng(4)
    start = rng.normal(size=(6, 3))
    gradients = [rng.normal(size=(6, 3)) * 10.0 ** rng.integers(-9, 3, (6, 3)) for _ in range(30)]
    adan = Adan(start, RATE, BETAS, EPSILON)
    for gradient, expected in zip(gradients, trajectory(start, gradients), strict=True):
        adan.step(gradient, 1.0)
        np.testing.assert_allclose(adan.values, expected, rtol=1e-12, atol=1e-15)


def test_five_golden_steps() -> None:
    adan = Adan(np.array([1.0]), RATE, BETAS, EPSILON)
    path = []
    for gradient in (1.0, 0.5, -2.0, 0.25, 3.0):
        adan.step(np.array([gradient]), 1.0)
        path.append(float(adan.values[0]))
    expected = trajectory(np.array([1.0]), [np.array([g]) for g in (1.0, 0.5, -2.0, 0.25, 3.0)])
    np.testing.assert_allclose(path, np.ravel(expected), rtol=1e-14)
    # The first step is as long as the rate.
    np.testing.assert_allclose(path, GOLDEN, rtol=1e-12)


def test_scale_multiplies_the_rate() -> None:
    one, half = (Adan(np.zeros(2), rate, BETAS, EPSILON) for rate in (RATE, 2.0 * RATE))
    for gradient in ([1.0, -2.0], [0.3, 0.1], [-1.0, 5.0]):
        one.step(np.array(gradient), 1.0)
        half.step(np.array(gradient), 0.5)
    np.testing.assert_allclose(one.values, half.values, rtol=1e-14)


def test_what_was_given_is_left_alone() -> None:
    start = np.ones(3)
    adan = Adan(start, RATE, BETAS, EPSILON)
    adan.step(np.ones(3), 1.0)
    np.testing.assert_array_equal(start, np.ones(3))


def test_nothing_pulls_nothing_moves() -> None:
    adan = Adan(np.arange(3.0), RATE, BETAS, EPSILON)
    for _ in range(3):
        adan.step(np.zeros(3), 1.0)
    np.testing.assert_array_equal(adan.values, np.arange(3.0))
