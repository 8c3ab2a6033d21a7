"""Parameterisations of covariances against 2x2 matrices, and gradients against differences."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsic.gaussians import (
    COVARIANCES,
    CovarianceEntries,
    LogCovariance,
    compute_factor,
    factor_backward,
)


def turned(one: float, other: float, angle: float) -> np.ndarray:
    """Make the symmetric matrix with one eigenvalue along a direction and the other across it."""
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    return turn @ np.diag([one, other]) @ turn.T


def log_matrix(theta: np.ndarray) -> np.ndarray:
    m, u, v = theta
    values, vectors = np.linalg.eigh(np.array([[m + u, v], [v, m - u]]))
    return vectors @ np.diag(np.exp(values)) @ vectors.T


def cholesky_matrix(theta: np.ndarray) -> np.ndarray:
    l1, l2, l3 = theta
    lower = np.array([[l1, 0.0], [l2, l3]])
    return lower @ lower.T


def rs_matrix(theta: np.ndarray) -> np.ndarray:
    s1, s2, angle = theta
    return turned(s1 * s1, s2 * s2, angle)


def log_theta(one: float, other: float, angle: float) -> np.ndarray:
    matrix = turned(2 * math.log(one), 2 * math.log(other), angle)
    return np.array(
        [(matrix[0, 0] + matrix[1, 1]) / 2, (matrix[0, 0] - matrix[1, 1]) / 2, matrix[0, 1]]
    )


def cholesky_theta(one: float, other: float, angle: float) -> np.ndarray:
    # (S R')' = Q T with T upper triangular: L = T' without forming Sigma.
    cos, sin = math.cos(angle), math.sin(angle)
    upper = np.linalg.qr(np.array([[one * cos, one * sin], [-other * sin, other * cos]]), mode="r")
    return np.array([upper[0, 0], upper[0, 1], upper[1, 1]])


def rs_theta(one: float, other: float, angle: float) -> np.ndarray:
    return np.array([one, other, angle])


# Covariance matrix of parameters, and parameters of two axes in px and the angle of the first.
MATRICES = {"log": log_matrix, "cholesky": cholesky_matrix, "rs": rs_matrix}
THETAS = {"log": log_theta, "cholesky": cholesky_theta, "rs": rs_theta}

NAMES = sorted(COVARIANCES)

# Axes in px and angle: round, tiny and huge, needles of aspect 1000 in every direction.
AXES = [
    (1.0, 1.0, 0.0),
    (0.3, 0.3, 0.0),
    (5000.0, 5000.0, 0.0),
    *((300.0, 0.3, k * math.pi / 8) for k in range(8)),
    *((5000.0, 5.0, k * math.pi / 8 + 1e-9) for k in range(8)),
    (2.0, 2.0 + 1e-12, 1.0),
    (2.0, 2.0 * (1 + 1e-5), 1.0),
    (2.0, 2.0 * (1 + 9.9e-4), 0.2),
    (2.0, 2.0 * (1 + 1.01e-3), 0.2),
    (3.0, 5.0, 2.0),
]

sigmas = st.floats(math.log(0.3), math.log(5000.0)).map(math.exp)
aspects = st.floats(0.0, math.log(1000.0)).map(math.exp)
angles = st.floats(-4.0, 4.0)


def ellipses() -> st.SearchStrategy[tuple[float, float, float]]:
    return st.tuples(sigmas, aspects, angles).map(lambda e: (e[0], e[0] / e[1], e[2]))


def one(theta: np.ndarray) -> np.ndarray:
    return np.asarray(theta, np.float64).reshape(1, 3)


def check_entries(entries: CovarianceEntries, matrix: np.ndarray, tolerance: float = 1e-12) -> None:
    """Compare entries with a matrix, as exactly as its size and its aspect allow."""
    s11, s12, s22 = matrix[0, 0], matrix[0, 1], matrix[1, 1]
    largest = math.sqrt(s11 * s22)
    assert entries.s12[0] == pytest.approx(s12, rel=tolerance, abs=tolerance * largest)
    # The matrix itself is only good to 1e-16 of its largest element.
    assert entries.s22[0] == pytest.approx(s22, rel=tolerance, abs=1e-14 * max(s11, s22))


def test_every_parameterisation_is_tested() -> None:
    assert NAMES == sorted(MATRICES) == sorted(THETAS)
    assert all(COVARIANCES[name].name == name for name in NAMES)


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_entries_are_those_of_the_matrix(name: str, axes: tuple[float, float, float]) -> None:
    theta = THETAS[name](*axes)
    entries = COVARIANCES[name].entries(one(theta))
    check_entries(entries, MATRICES[name](theta))
    check_entries(entries, turned(axes[0] ** 2, axes[1] ** 2, axes[2]))
    assert entries.det[0] == pytest.approx((axes[0] * axes[1]) ** 2, rel=1e-9)


@given(ellipses(), st.sampled_from(NAMES))
def test_entries_of_any_ellipse(axes: tuple[float, float, float], name: str) -> None:
    theta = THETAS[name](*axes)
    entries = COVARIANCES[name].entries(one(theta))
    check_entries(entries, MATRICES[name](theta))
    check_entries(entries, turned(axes[0] ** 2, axes[1] ** 2, axes[2]))
    assert entries.s22[0] > 0
    assert entries.det[0] == pytest.approx((axes[0] * axes[1]) ** 2, rel=1e-9)
    # Cauchy-Schwarz with what is left: Sigma11 = (det + s12^2) / s22 is positive and right.
    s11 = (entries.det[0] + entries.s12[0] ** 2) / entries.s22[0]
    expected = turned(axes[0] ** 2, axes[1] ** 2, axes[2])[0, 0]
    assert s11 == pytest.approx(expected, rel=1e-8)


@given(ellipses(), st.sampled_from(NAMES))
def test_the_factor_is_the_upper_cholesky_factor_of_the_precision(
    axes: tuple[float, float, float], name: str
) -> None:
    p, r, t = compute_factor(COVARIANCES[name].entries(one(THETAS[name](*axes))))[0]
    assert p > 0
    assert t > 0
    precision = turned(axes[0] ** -2, axes[1] ** -2, axes[2])
    upper = np.linalg.cholesky(precision).T
    largest = np.abs(upper).max()
    np.testing.assert_allclose([p, r], upper[0], rtol=1e-9, atol=1e-12 * largest)
    # numpy gets this one by the cancellation that the formula avoids.
    aspect = axes[0] / axes[1]
    assert t == pytest.approx(upper[1, 1], rel=1e-13 * aspect**2 + 1e-12)
    sigma22 = turned(axes[0] ** 2, axes[1] ** 2, axes[2])[1, 1]
    assert t == pytest.approx(sigma22**-0.5, rel=1e-9)


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_exponent_is_half_the_mahalanobis_distance(
    name: str, axes: tuple[float, float, float]
) -> None:
    p, r, t = compute_factor(COVARIANCES[name].entries(one(THETAS[name](*axes))))[0]
    for along, across in ((1.0, 0.0), (0.0, 1.0), (2.0, -1.5), (-0.5, 0.2)):
        cos, sin = math.cos(axes[2]), math.sin(axes[2])
        dx = cos * along * axes[0] - sin * across * axes[1]
        dy = sin * along * axes[0] + cos * across * axes[1]
        q = ((p * dx + r * dy) ** 2 + (t * dy) ** 2) / 2
        assert q == pytest.approx((along**2 + across**2) / 2, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_are_worked_through_one_by_one(name: str) -> None:
    theta = np.stack([THETAS[name](*axes) for axes in AXES])
    before = theta.copy()
    covariance = COVARIANCES[name]
    entries = covariance.entries(theta)
    factor = compute_factor(entries)
    grad = np.random.default_rng(0).normal(size=factor.shape)
    pulled = covariance.backward(theta, factor_backward(entries, factor, grad))
    assert factor.shape == pulled.shape == theta.shape
    for index in range(len(theta)):
        alone = covariance.entries(theta[index : index + 1])
        row = compute_factor(alone)
        np.testing.assert_allclose(row[0], factor[index], rtol=1e-14)
        gradient = factor_backward(alone, row, grad[index : index + 1])
        back = covariance.backward(theta[index : index + 1], gradient)
        np.testing.assert_allclose(back[0], pulled[index], rtol=1e-12)
    assert np.array_equal(theta, before)
    assert covariance.entries(theta[:0]).det.shape == (0,)
    assert compute_factor(covariance.entries(theta[:0])).shape == (0, 3)


def differences(
    function: Callable[[np.ndarray], np.ndarray], at: np.ndarray, ways: np.ndarray
) -> np.ndarray:
    """Compute a Jacobian (outputs, inputs) by central differences of order 4 along given rows."""
    columns = []
    for way in ways:
        near = (function(at + way) - function(at - way)) / 2
        far = (function(at + 2 * way) - function(at - 2 * way)) / 4
        columns.append((4 * near - far) / 3)
    return np.stack(columns, axis=1) @ (ways / (ways**2).sum(axis=1, keepdims=True))


def check_gradient(got: np.ndarray, jacobian: np.ndarray, weights: np.ndarray) -> None:
    """Compare a gradient with weights @ jacobian, relative to the largest terms of that sum."""
    scale = np.abs(weights) @ np.abs(jacobian)
    assert np.abs(got - weights @ jacobian).max() <= 1e-6 * max(scale.max(), 1e-300)
    np.testing.assert_array_less(np.abs(got - weights @ jacobian), 1e-5 * scale + 1e-300)


@given(ellipses(), st.integers(0, 2**32 - 1))
def test_factor_backward_is_the_differences_of_the_factor(
    axes: tuple[float, float, float], seed: int
) -> None:
    matrix = turned(axes[0] ** 2, axes[1] ** 2, axes[2])
    det = (axes[0] * axes[1]) ** 2
    at = np.array([matrix[0, 1], matrix[1, 1], math.log(det)])

    def factor(numbers: np.ndarray) -> np.ndarray:
        s12, s22, log_det = numbers[:, None]
        return compute_factor(CovarianceEntries(s12, s22, np.exp(log_det)))[0]

    # p, r and t are taken as functions of three free numbers: of any sign of s12, s22 > 0.
    steps = np.array([1e-3 * math.sqrt(matrix[0, 0] * matrix[1, 1]), 1e-3 * at[1], 1e-3])
    jacobian = differences(factor, at, np.diag(steps))
    weights = np.random.default_rng(seed).normal(size=3)
    entries = CovarianceEntries(at[:1], at[1:2], np.array([det]))
    got = factor_backward(entries, compute_factor(entries), weights[None])
    check_gradient(np.concatenate(got), jacobian, weights)


def ways_of(name: str, theta: np.ndarray) -> np.ndarray:
    """Make steps, as rows, that change a covariance by about a thousandth along each axis."""
    if name == "log":
        # A turn moves the tip of a needle by the length of it.
        rho = math.hypot(theta[1], theta[2])
        along = np.array([0.0, *(theta[1:] / rho if rho else (1.0, 0.0))])
        across = np.array([0.0, -along[2], along[1]])
        ways = np.array([[1.0, 0.0, 0.0], along, max(rho, 1.0) * math.exp(-rho) * across])
    elif name == "rs":
        ways = np.diag([theta[0], theta[1], min(theta[:2]) / max(theta[:2])])
    else:
        ways = np.diag([theta[0], min(abs(theta[0]), abs(theta[2])), theta[2]])
    return 1e-3 * ways


def entries_of(name: str) -> Callable[[np.ndarray], np.ndarray]:
    def entries(numbers: np.ndarray) -> np.ndarray:
        s12, s22, det = COVARIANCES[name].entries(one(numbers))
        return np.array([s12[0], s22[0], math.log(det[0])])

    return entries


def check_backward(name: str, theta: np.ndarray) -> None:
    ways = ways_of(name, theta)
    jacobian = differences(entries_of(name), theta, ways)
    # Differences lose what rounding of the matrix loses, next to steps as short as the shortest.
    rounding = 1e-15 * MATRICES[name](theta).max() / np.linalg.norm(ways, axis=1).min()
    limit = 2e-6 * np.abs(jacobian).max(axis=1) + np.array([rounding, rounding, 1e-10])
    for row, weights in enumerate(np.eye(3)):
        got = COVARIANCES[name].backward(one(theta), CovarianceEntries(*weights[:, None]))[0]
        np.testing.assert_allclose(got, jacobian[row], rtol=1e-6, atol=limit[row])


@given(ellipses(), st.sampled_from(NAMES))
def test_backward_is_the_transpose_of_the_differences_of_the_entries(
    axes: tuple[float, float, float], name: str
) -> None:
    check_backward(name, THETAS[name](*axes))


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_backward_at_the_extremes(name: str, axes: tuple[float, float, float]) -> None:
    check_backward(name, THETAS[name](*axes))


@given(
    st.floats(-3, 3),
    st.floats(-14, -2).map(lambda power: 10.0**power),
    st.floats(-math.pi, math.pi),
)
def test_backward_where_anisotropy_vanishes(m: float, rho: float, angle: float) -> None:
    check_backward("log", np.array([m, rho * math.cos(angle), rho * math.sin(angle)]))


@given(st.floats(-9, 0.5).map(lambda power: 10.0**power))
def test_series_of_small_anisotropies_meet_the_closed_form(v: float) -> None:
    """With u = 0, Sigma12 = sinh v, Sigma22 = cosh v and their derivatives are each other."""
    log, theta = COVARIANCES["log"], np.array([[0.0, 0.0, v]])
    entries = log.entries(theta)
    assert entries.s12[0] == pytest.approx(math.sinh(v), rel=1e-12)
    assert entries.s22[0] == pytest.approx(math.cosh(v), rel=1e-12)
    by_s12, by_s22 = (
        log.backward(theta, CovarianceEntries(*weights[:, None]))[0, 2] for weights in np.eye(3)[:2]
    )
    assert by_s12 == pytest.approx(math.cosh(v), rel=1e-12)
    assert by_s22 == pytest.approx(math.sinh(v), rel=1e-12)


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_parameters(name: str, axes: tuple[float, float, float]) -> None:
    """The whole chain, parameters to factor, as the fit uses it."""
    covariance, theta = COVARIANCES[name], THETAS[name](*axes)

    def factor(numbers: np.ndarray) -> np.ndarray:
        return compute_factor(covariance.entries(one(numbers)))[0]

    jacobian = differences(factor, theta, ways_of(name, theta))
    entries = covariance.entries(one(theta))
    for weights in (*np.eye(3), np.array([0.7, -1.1, 0.4])):
        gradient = factor_backward(entries, compute_factor(entries), weights[None])
        got = covariance.backward(one(theta), gradient)[0]
        scale = np.abs(jacobian).max(axis=0)
        np.testing.assert_array_less(np.abs(got - weights @ jacobian), 2e-6 * scale + 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_circles_are_exact(name: str) -> None:
    """Where anisotropy vanishes, formulas that divide by it must not."""
    for sigma in (0.3, 1.0, 5000.0):
        covariance = COVARIANCES[name]
        theta = covariance.from_sigmas(np.array([sigma]))
        entries = covariance.entries(theta)
        got = (
            covariance.backward(theta, CovarianceEntries(*np.eye(3)[:, :1]))[0],
            covariance.backward(theta, CovarianceEntries(*np.eye(3)[:, 1:2]))[0],
        )
        square = sigma * sigma
        expected = {
            "log": ([0, 0, square], [square, -square, 0]),
            "cholesky": ([0, sigma, 0], [0, 0, 2 * sigma]),
            "rs": ([0, 0, 0], [0, 2 * sigma, 0]),
        }[name]
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * square)
        assert entries.s12[0] == 0


@pytest.mark.parametrize("name", NAMES)
def test_from_sigmas_makes_circles(name: str) -> None:
    sigma = np.array([1e-3, 0.3, 1.0, 7.0, 5000.0])
    theta = COVARIANCES[name].from_sigmas(sigma)
    assert theta.shape == (5, 3)
    entries = COVARIANCES[name].entries(theta)
    assert (entries.s12 == 0).all()
    np.testing.assert_allclose(entries.s22, sigma**2, rtol=1e-12)
    np.testing.assert_allclose(entries.det, sigma**4, rtol=1e-12)
    factor = compute_factor(entries)
    np.testing.assert_allclose(factor, np.stack((1 / sigma, 0 * sigma, 1 / sigma), 1), rtol=1e-12)


@given(ellipses())
def test_mirrored_ellipses_have_mirrored_parameters(axes: tuple[float, float, float]) -> None:
    """Exchanging x and y is u -> -u; mirroring is v -> -v; and rs has two names for an ellipse."""
    log, rs = COVARIANCES["log"], COVARIANCES["rs"]
    m, u, v = log_theta(*axes)
    s12, s22, det = log.entries(one(np.array([m, u, v])))
    swapped = log.entries(one(np.array([m, -u, v])))
    mirrored = log.entries(one(np.array([m, u, -v])))
    assert swapped.s12 == s12
    assert mirrored.s12 == -s12
    assert mirrored.s22 == s22
    assert swapped.det == mirrored.det == det
    assert s22[0] * swapped.s22[0] == pytest.approx(det[0] + s12[0] ** 2, rel=1e-8)
    names = rs.entries(np.array([axes, (axes[1], axes[0], axes[2] + math.pi / 2)]))
    for pair in names:
        assert pair[0] == pytest.approx(pair[1], rel=1e-9, abs=1e-9 * math.sqrt(names.det[0]))


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=3), st.integers(0, 3))
def test_signs_of_the_scales_draw_nothing_else(numbers: list[float], signs: int) -> None:
    l1, l2, l3 = numbers
    one_sign, other_sign = (-1.0) ** (signs & 1), (-1.0) ** (signs >> 1)
    cholesky, rs = COVARIANCES["cholesky"], COVARIANCES["rs"]
    assert cholesky.entries(one(np.array([l1, l2, l3]))) == cholesky.entries(
        one(np.array([one_sign * l1, one_sign * l2, other_sign * l3]))
    )
    assert rs.entries(one(np.array([l1, l3, l2]))) == rs.entries(
        one(np.array([one_sign * l1, other_sign * l3, l2]))
    )


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_log_roots_are_symmetric_and_square_to_the_matrix(axes: tuple[float, float, float]) -> None:
    one_sigma, other_sigma, angle = axes
    root = LogCovariance().roots(one(log_theta(*axes)))[0]
    expected = turned(one_sigma, other_sigma, angle)
    np.testing.assert_allclose(root, expected, rtol=1e-9, atol=1e-12 * max(axes[:2]))


@given(ellipses(), st.sampled_from(NAMES))
def test_log_parameters_of_any_entries(axes: tuple[float, float, float], name: str) -> None:
    entries = COVARIANCES[name].entries(one(THETAS[name](*axes)))
    got = LogCovariance().from_entries(entries)[0]
    np.testing.assert_allclose(got, log_theta(*axes), rtol=1e-9, atol=1e-9)
    back = LogCovariance().entries(one(got))
    np.testing.assert_allclose(
        np.concatenate(back),
        np.concatenate(entries),
        rtol=1e-8,
        atol=1e-9 * math.sqrt(entries.det[0]),
    )


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_log_parameters_come_back_from_their_entries(axes: tuple[float, float, float]) -> None:
    theta = log_theta(*axes)
    back = LogCovariance().from_entries(LogCovariance().entries(one(theta)))[0]
    np.testing.assert_allclose(back, theta, rtol=0, atol=1e-9)


def axes_of(entries: CovarianceEntries) -> np.ndarray:
    """Compute the standard deviations along the axes, the smaller first, (N, 2) px."""
    s11 = (entries.det + entries.s12**2) / entries.s22
    half = (s11 + entries.s22) / 2
    larger = half + np.hypot((s11 - entries.s22) / 2, entries.s12)
    return np.sqrt(np.stack((entries.det / larger, larger), axis=1))


@given(st.integers(0, 2**32 - 1))
def test_log_bounds_sizes_and_aspects(seed: int) -> None:
    theta = np.random.default_rng(seed).uniform([-8, -6, -6], [20, 6, 6], (30, 3))
    least, most, ratio = 0.3, 2000.0, 64.0
    before = theta.copy()
    LogCovariance().clamp(theta, least, most, ratio)
    minor, major = axes_of(LogCovariance().entries(theta)).T
    assert (minor >= least * (1 - 1e-9)).all()
    assert (np.sqrt(minor * major) <= most * (1 + 1e-9)).all()
    assert (major / minor <= ratio * (1 + 1e-9)).all()
    # Directions stay, and what was inside is not touched.
    np.testing.assert_allclose(theta[:, 1] * before[:, 2], theta[:, 2] * before[:, 1], atol=1e-9)
    minor, major = axes_of(LogCovariance().entries(before)).T
    inside = (minor > least) & (np.sqrt(minor * major) < most) & (major / minor < ratio)
    assert np.array_equal(theta[inside], before[inside])
    again = theta.copy()
    LogCovariance().clamp(again, least, most, ratio)
    np.testing.assert_allclose(again, theta, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "scales"), [("cholesky", [0, 2]), ("rs", [0, 1])])
def test_the_papers_scales_do_not_vanish(name: str, scales: list[int]) -> None:
    theta = np.array([[1e-9, 3.0, -1e-9], [-0.1, 1e-9, 4e9], [0.0, 0.0, -0.0], [2.0, 5.0, -3.0]])
    if name == "rs":
        theta = theta[:, [0, 2, 1]]
    before = theta.copy()
    COVARIANCES[name].clamp(theta, 0.3, 2000.0, 64.0)
    kept = theta[:, scales]
    assert (np.abs(kept) >= 0.3).all()
    assert (np.abs(kept) <= 2000.0).all()
    assert (np.signbit(kept) == np.signbit(before[:, scales])).all()
    other = 3 - sum(scales)
    assert np.array_equal(theta[:, other], before[:, other])
    assert np.array_equal(theta[3], before[3])
    assert (COVARIANCES[name].entries(theta).det > 0).all()
