"""Curve arithmetic of `gsic bench`: PCHIP, quality at a rate, BD-rate."""

import math

import numpy as np
import pytest

from gsic.bench.bdrate import Pchip, bd_rate, bd_rates, frontier, psnr_at_rate

# Mean curves on Kodak: JPEG 4:2:0 (libjpeg-turbo, optimised), JPEG 2000, and the points read off
# figure 4 of the GaussianImage paper, up to 1.5 bpp. Another program computed their BD-rates.
JPEG = [
    *[(0.087986, 21.475029), (0.088083, 21.476958), (0.097435, 21.683521), (0.117928, 22.808742)],
    *[(0.140802, 23.852221), (0.164168, 24.695342), (0.210114, 25.848558), (0.255512, 26.671808)],
    *[(0.298187, 27.327213), (0.358682, 28.144771), (0.416316, 28.804588), (0.484612, 29.462229)],
    *[(0.564785, 30.160283), (0.655124, 30.814383), (0.743263, 31.42205), (0.869191, 32.173825)],
    *[(1.004911, 32.907571), (1.213014, 33.916742), (1.430246, 34.885958)],
]
JPEG_2000 = [
    *[(0.02998, 23.486054), (0.044738, 24.401833), (0.0598, 25.089742), (0.079504, 25.799896)],
    *[(0.099715, 26.393042), (0.149724, 27.565567), (0.199076, 28.478458), (0.248955, 29.253392)],
    *[(0.299419, 29.963825), (0.398965, 31.153896), (0.498609, 32.179608), (0.598589, 33.074308)],
    *[(0.74902, 34.310175), (0.898867, 35.330904), (0.999106, 35.995213), (1.148416, 36.861367)],
    *[(1.298553, 37.67495)],
]
GAUSSIAN_IMAGE = [
    *[(0.12, 24.65), (0.15, 25.05), (0.43, 27.38), (0.715, 28.7), (1.0, 29.63), (1.285, 30.48)],
]
JPEG_XL = [  # by decreasing distance: two settings lose to another one in both rate and quality
    *[(0.129842, 25.593675), (0.142887, 25.844533), (0.15701, 26.078454), (0.141593, 25.767838)],
    *[(0.160154, 26.237337), (0.176322, 26.690154), (0.209623, 27.401438), (0.24587, 27.988467)],
    *[(0.293758, 28.733275), (0.344716, 29.402083), (0.412899, 30.281679), (0.484418, 30.9697)],
    *[(0.59555, 31.847067), (0.696914, 32.710687), (0.840628, 33.743675), (1.005673, 34.709942)],
    *[(1.193297, 35.741746), (1.461438, 37.015633)],
]


def test_pchip_passes_through_its_points_and_reproduces_a_line() -> None:
    x = [0.0, 0.3, 1.0, 4.0]
    line = Pchip(x, [2 * value - 1 for value in x])
    for at in (0.0, 0.1, 0.3, 2.5, 4.0):
        assert line(at) == pytest.approx(2 * at - 1, abs=1e-14)
    assert line.integral(0.1, 4.0) == pytest.approx(16 - 4 - (0.01 - 0.1), abs=1e-13)


def test_pchip_by_hand_on_three_points() -> None:
    # Steps 1 and 2, slopes 3 and 1: the middle derivative is the weighted harmonic mean
    # (w1 + w2) / (w1 / 3 + w2 / 1), w1 = 1 + 2 * 2, w2 = 2 * 1 + 2; the ends are one-sided.
    middle = 9 / (5 / 3 + 4)
    left = ((2 * 1 + 2) * 3 - 1 * 1) / 3
    curve = Pchip([0, 1, 3], [0, 3, 5])
    s = 0.25
    hermite = (s**3 - 2 * s**2 + s) * left + (3 * s**2 - 2 * s**3) * 3 + (s**3 - s**2) * middle
    assert curve(s) == pytest.approx(hermite, abs=1e-14)


def test_pchip_does_not_overshoot_and_integrates_what_it_draws() -> None:
    x = np.array([0.0, 1.0, 1.1, 3.0, 3.5, 7.0])
    y = np.array([0.0, 0.01, 5.0, 5.0, 9.0, 9.1])
    curve = Pchip(x, y)
    grid = np.linspace(0, 7, 70_001)
    values = np.array([curve(float(at)) for at in grid])
    assert (np.diff(values) >= -1e-12).all()
    inside = (grid >= 0.4) & (grid <= 6.2)
    assert curve.integral(0.4, 6.2) == pytest.approx(
        np.trapezoid(values[inside], grid[inside]), 1e-6
    )


def test_pchip_is_flat_at_an_extremum() -> None:
    curve = Pchip([0, 1, 2], [0, 1, 0])
    assert curve(0.999) < 1 > curve(1.001)


@pytest.mark.parametrize("x", [[1.0], [1.0, 1.0], [2.0, 1.0]])
def test_pchip_refuses_points_that_do_not_increase(x: list[float]) -> None:
    with pytest.raises(ValueError, match="x "):
        Pchip(x, x)


def test_pchip_refuses_to_extrapolate() -> None:
    with pytest.raises(ValueError, match="outside"):
        Pchip([0, 1], [0, 1])(1.0001)


def test_frontier_drops_what_another_point_beats_or_equals() -> None:
    points = [(0.3, 30.0), (0.2, 30.0), (0.1, 25.0), (0.1, 24.0), (0.25, 28.0), (0.4, math.inf)]
    assert frontier(points) == [(0.1, 25.0), (0.2, 30.0)]


@pytest.mark.parametrize(
    ("curve", "rate", "psnr"),
    [
        *((JPEG, 0.1, 21.78), (JPEG, 0.3, 27.35), (JPEG, 1.0, 32.88)),
        *((JPEG_2000, 0.2, 28.49), (JPEG_XL, 0.2, 27.22), (GAUSSIAN_IMAGE, 0.3, 26.53)),
    ],
)
def test_psnr_at_a_rate(curve: list[tuple[float, float]], rate: float, psnr: float) -> None:
    assert psnr_at_rate(curve, rate) == pytest.approx(psnr, abs=0.005)


def test_psnr_at_a_rate_is_none_outside_the_curve() -> None:
    assert psnr_at_rate(GAUSSIAN_IMAGE, 0.1199) is None
    assert psnr_at_rate(GAUSSIAN_IMAGE, 1.286) is None
    assert psnr_at_rate(GAUSSIAN_IMAGE[:1], 0.12) is None


@pytest.mark.parametrize(
    ("anchor", "test", "percent", "low", "high"),
    [
        (GAUSSIAN_IMAGE, JPEG, -29.03, 24.65, 30.48),
        (JPEG, GAUSSIAN_IMAGE, 40.90, 24.65, 30.48),
        (GAUSSIAN_IMAGE, JPEG_2000, -67.66, 24.65, 30.48),
        (JPEG, JPEG_2000, -52.90, 23.486, 34.886),
        (GAUSSIAN_IMAGE, JPEG_XL, -54.54, 25.594, 30.48),
        (JPEG, JPEG_XL, -28.80, 25.594, 34.886),
    ],
)
def test_bd_rate_of_published_curves(
    anchor: list[tuple[float, float]],
    test: list[tuple[float, float]],
    percent: float,
    low: float,
    high: float,
) -> None:
    result = bd_rate(anchor, test)
    assert result is not None
    assert result.percent == pytest.approx(percent, abs=0.006)
    assert (result.low_db, result.high_db) == pytest.approx((low, high), abs=0.001)


def test_bd_rate_of_a_curve_at_half_the_rate_is_minus_50_percent() -> None:
    result = bd_rate(GAUSSIAN_IMAGE, [(rate / 2, psnr) for rate, psnr in GAUSSIAN_IMAGE])
    assert result is not None
    assert result.percent == pytest.approx(-50.0, abs=1e-9)


def test_bd_rate_is_none_without_a_common_range() -> None:
    assert bd_rate([(0.1, 20.0), (0.2, 22.0)], [(0.1, 22.0), (0.2, 24.0)]) is None
    assert bd_rate(JPEG, [(0.3, 28.0)]) is None
    assert bd_rate(JPEG, []) is None


def scaled(factor: float) -> list[tuple[float, float]]:
    """The curve of JPEG 2000 with `factor` times the bits."""
    return [(factor * rate, psnr) for rate, psnr in JPEG_2000]


def test_bd_rates_are_the_mean_of_the_images_with_the_least_and_the_largest() -> None:
    anchors = dict.fromkeys(("a", "b", "c"), JPEG_2000)
    result = bd_rates(anchors, {"a": scaled(0.5), "b": scaled(1.2), "c": scaled(0.9)})
    assert result is not None
    assert result.percent == pytest.approx((-50 + 20 - 10) / 3, abs=1e-9)
    assert result.least == pytest.approx(-50.0, abs=1e-9)
    assert result.largest == pytest.approx(20.0, abs=1e-9)
    assert (result.worst_image, result.images) == ("b", 3)
    assert (result.low_db, result.high_db) == (JPEG_2000[0][1], JPEG_2000[-1][1])


def test_bd_rates_leave_out_images_without_a_common_range() -> None:
    anchors = {"a": JPEG_2000, "b": JPEG_2000, "c": JPEG_2000}
    tests = {"a": scaled(0.5), "b": [(0.1, 50.0), (0.2, 60.0)], "d": scaled(2.0)}
    result = bd_rates(anchors, tests)
    assert result is not None
    assert (result.images, result.worst_image) == (1, "a")
    assert bd_rates(anchors, {"b": tests["b"]}) is None
    assert bd_rates({}, tests) is None


def test_a_bd_rate_of_mean_curves_flatters_who_codes_at_fixed_rates() -> None:
    """Two images of other difficulty, two codecs that are equal on each of them.

    The anchor codes both at one quality setting, so its rates differ; the other codes both at fixed
    rates. Image by image the difference is 0 %, and the mean curves differ by far.
    """

    def easy(rate: float) -> float:
        return 36.0 + 5.0 * math.log2(rate / 0.1)

    def hard(rate: float) -> float:
        return 24.0 + 3.0 * math.log2(rate / 0.1)

    fixed = (0.05, 0.1, 0.2, 0.4)
    steps = (0.5, 1.0, 2.0, 4.0)
    anchors = {
        "easy": [(0.03 * step, easy(0.03 * step)) for step in steps],
        "hard": [(0.3 * step, hard(0.3 * step)) for step in steps],
    }
    tests = {
        "easy": [(rate, easy(rate)) for rate in fixed],
        "hard": [(rate, hard(rate)) for rate in fixed],
    }
    result = bd_rates(anchors, tests)
    assert result is not None
    assert (result.percent, result.least, result.largest) == pytest.approx((0, 0, 0), abs=1e-9)

    def mean(curves: dict[str, list[tuple[float, float]]]) -> list[tuple[float, float]]:
        pairs = zip(curves["easy"], curves["hard"], strict=True)
        return [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in pairs]

    flattered = bd_rate(mean(anchors), mean(tests))
    assert flattered is not None
    assert flattered.percent < -20
