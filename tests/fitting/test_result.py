"""Fits: what they hold, offer and refuse to hold; in files they come back to the bit."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fit_samples import arrays_of, fit_of, load, packed, refuse, same, saved
from hypothesis import given
from hypothesis import strategies as st

from gsic.errors import InputError
from gsic.fitting.result import Fit
from gsic.gaussians import COVARIANCES

REPORT = fit_of().report.to_json()

# Round trips.


@pytest.mark.parametrize("covariance", sorted(COVARIANCES))
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [0, 1, 500])
def test_fits_come_back(count: int, channels: int, covariance: str) -> None:
    fit = fit_of(count, channels, covariance, seed=count)
    back = load(saved(fit))
    assert same(fit, back)
    assert saved(back) == saved(fit)


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(COVARIANCES)))
def test_any_fit_comes_back(seed: int, covariance: str) -> None:
    rng = np.random.default_rng(seed)
    steps = np.unique(rng.integers(0, 10**7, int(rng.integers(0, 9)))).tolist()
    fit = fit_of(
        int(rng.integers(0, 30)),
        int(rng.integers(1, 5)),
        covariance,
        seed,
        width=int(rng.integers(1, 2**22 + 1)),
        height=int(rng.integers(1, 2**22 + 1)),
        history=[(step, float(rng.normal(25, 20))) for step in steps],
    )
    assert same(load(saved(fit)), fit)


def test_paths_work_like_file_objects(tmp_path: Path) -> None:
    fit, path = fit_of(), tmp_path / "a fit"
    fit.save(path)
    assert path.read_bytes() == saved(fit)  # no suffix is added
    assert same(Fit.load(path), fit)
    assert same(Fit.load(str(path)), fit)
    with path.open("rb") as file:
        assert same(Fit.load(file), fit)
    assert [file.name for file in tmp_path.iterdir()] == ["a fit"]


def test_numpy_alone_reads_a_fit() -> None:
    fit = fit_of(covariance="rs")
    arrays = arrays_of(fit)
    assert arrays["version"] == 1
    assert str(arrays["covariance"]) == "rs"
    assert arrays["size"].tolist() == [48, 32]
    assert np.array_equal(arrays["mean"], fit.mean)
    assert arrays["history_step"].tolist() == [0, 50, 100]
    assert json.loads(str(arrays["report"])) == fit.report.to_json()


def test_numpy_alone_writes_a_fit() -> None:
    """Whatever the order of the arrays and their layout in memory."""
    fit = fit_of()
    arrays = {
        name: np.copy(value, order="F") for name, value in reversed(list(arrays_of(fit).items()))
    }
    assert same(load(packed(arrays)), fit)


def test_loaded_arrays_can_be_worked_on() -> None:
    fit = load(saved(fit_of()))
    for array in (fit.mean, fit.theta, fit.color, fit.background):
        array += 1.0


def test_text_of_any_script_comes_back() -> None:
    report = REPORT | {"device": "cpu µ 图\n\"'\\", "note": None, "flag": True, "n": 2**70}
    back = load(saved(fit_of(report=report))).report
    assert back.to_json() == report
    assert back.extra == {"note": None, "flag": True, "n": 2**70}


# What a fit offers.


@pytest.mark.parametrize("covariance", sorted(COVARIANCES))
def test_gaussians_are_given_as_matrices(covariance: str) -> None:
    fit = fit_of(9, covariance=covariance)
    gaussians = fit.gaussians
    assert np.array_equal(gaussians.mean, fit.mean)
    assert np.array_equal(gaussians.color, fit.color)
    assert gaussians.covariance.shape == (9, 2, 2)
    for matrix, (a, b, c) in zip(gaussians.covariance, fit.theta, strict=True):
        if covariance == "cholesky":
            lower = np.array([[a, 0], [b, c]])
            expected = lower @ lower.T
        elif covariance == "rs":
            turn = np.array([[np.cos(c), -np.sin(c)], [np.sin(c), np.cos(c)]])
            expected = turn @ np.diag([a * a, b * b]) @ turn.T
        else:
            values, vectors = np.linalg.eigh(np.array([[a + b, c], [c, a - b]]))
            expected = vectors @ np.diag(np.exp(values)) @ vectors.T
        np.testing.assert_allclose(matrix, expected, rtol=1e-9, atol=1e-9)


def test_an_exact_fit_has_infinite_psnr() -> None:
    assert fit_of().psnr == 31.25
    fit = fit_of(report=REPORT | {"psnr": None})
    assert fit.psnr == math.inf
    assert load(saved(fit)).psnr == math.inf


def test_fits_are_frozen() -> None:
    with pytest.raises(AttributeError):
        fit_of().width = 3  # type: ignore[misc]


def test_importing_fits_loads_neither_torch_nor_kernels() -> None:
    code = (
        "import sys; from gsic.fitting.result import Fit; "
        "assert not {'torch', 'numba', 'triton'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# Values that do not fit, given directly or in a file.

BAD_VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "mean of another type": ({"mean": np.zeros((6, 2), np.float32)}, "mean must be float64 (6, 2)"),
    "mean of another shape": ({"mean": np.zeros((6, 3))}, "mean must be float64 (6, 2)"),
    "mean without axes": ({"mean": np.float64(1) * np.ones(())}, "mean must be"),
    "mean of NaN": ({"mean": np.full((6, 2), math.nan)}, "mean holds values that are not finite"),
    "mean of infinity": ({"mean": np.full((6, 2), -math.inf)}, "mean holds"),
    "mean beyond float32": ({"mean": np.full((6, 2), 1e39)}, "mean holds"),
    "theta of fewer Gaussians": ({"theta": np.zeros((5, 3))}, "theta must be float64 (6, 3)"),
    "theta of NaN": ({"theta": np.full((6, 3), math.nan)}, "theta holds"),
    "theta that overflows": ({"theta": np.full((6, 3), 1e5)}, "singular or not finite"),
    "theta that vanishes": ({"theta": np.full((6, 3), -1e5)}, "singular or not finite"),
    "color of other channels": ({"color": np.zeros((6, 4))}, "color must be float64 (6, 3)"),
    "color of NaN": ({"color": np.full((6, 3), math.nan)}, "color holds"),
    "complex color": ({"color": np.zeros((6, 3), complex)}, "color must be float64"),
    "no channels": ({"background": np.zeros(0), "color": np.zeros((6, 0))}, "1 to 4 values"),
    "five channels": ({"background": np.zeros(5), "color": np.zeros((6, 5))}, "1 to 4 values"),
    "background of two axes": ({"background": np.zeros((3, 1))}, "background must be"),
    "background of NaN": ({"background": np.full(3, math.nan)}, "background holds"),
    "no width": ({"width": 0}, "0 x 32 pixels"),
    "negative height": ({"height": -5}, "48 x -5 pixels"),
    "absurd width": ({"width": 2**40}, "pixels"),
    "unknown covariance": ({"covariance": "conic"}, "covariance must be one of log, cholesky, rs"),
    "history backwards": ({"history": [(5, 1.0), (4, 2.0)]}, "history must be in the order"),
    "history twice": ({"history": [(5, 1.0), (5, 2.0)]}, "history must be in the order"),
    "history before the fit": ({"history": [(-1, 1.0)]}, "history must be in the order"),
    "history of NaN": ({"history": [(5, math.nan)]}, "not a number"),
}

BAD_REPORTS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "report lacks gaussians"),
    "no psnr": ({k: v for k, v in REPORT.items() if k != "psnr"}, "report lacks psnr"),
    "text for psnr": (REPORT | {"psnr": "31"}, "psnr of type str"),
    "a flag for seconds": (REPORT | {"seconds": True}, "seconds of type bool"),
    "a list": (REPORT | {"more": [1]}, "more of type list"),
    "an object": (REPORT | {"more": {"a": 1}}, "more of type dict"),
    "other Gaussians": (REPORT | {"gaussians": 7}, "another gaussians"),
    "another covariance": (REPORT | {"covariance": "rs"}, "another covariance"),
}


@pytest.mark.parametrize("kind", BAD_VALUES)
def test_values_that_do_not_fit_are_refused(kind: str) -> None:
    changes, cause = BAD_VALUES[kind]
    with pytest.raises(InputError) as caught:
        replace(fit_of(), **changes)
    assert cause in str(caught.value)
    arrays = arrays_of(fit_of())
    for name, value in changes.items():
        if name == "history":
            arrays["history_step"] = np.array([step for step, _ in value])
            arrays["history_psnr"] = np.array([psnr for _, psnr in value])
        elif name in ("width", "height"):
            arrays["size"][("width", "height").index(name)] = value
        else:
            arrays[name] = np.asarray(value)
    refuse(packed(arrays), "'color.npy'" if "complex" in kind else cause)


@pytest.mark.parametrize("kind", BAD_REPORTS)
def test_reports_that_do_not_fit_are_refused(kind: str) -> None:
    report, cause = BAD_REPORTS[kind]
    with pytest.raises(InputError, match=cause):
        fit_of(report=report)
    refuse(packed(arrays_of(fit_of()) | {"report": np.str_(json.dumps(report))}), cause)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "report is not JSON"),
        ("{", "report is not JSON"),
        ("[]", "report must be a JSON object"),
        ("[" * 100_000, "report is not JSON"),
        ('{"a":' * 100_000, "report is not JSON"),
        (json.dumps(REPORT | {"psnr": math.nan}), "psnr that is not finite"),
        (json.dumps(REPORT | {"seconds": math.inf}), "seconds that is not finite"),
        (json.dumps(REPORT).replace("31.25", "1" * 10_000), "report is not JSON"),
        (json.dumps(REPORT).replace("31.25", "1e999"), "psnr that is not finite"),
    ],
)
def test_reports_that_are_no_reports_are_refused(text: str, cause: str) -> None:
    refuse(packed(arrays_of(fit_of()) | {"report": np.str_(text)}), cause)


def test_reports_that_json_cannot_hold_are_refused_at_once() -> None:
    with pytest.raises(InputError, match="not finite"):
        fit_of(report=REPORT | {"psnr": math.inf})


def test_a_changed_copy_is_checked_too() -> None:
    fit = fit_of()
    assert replace(fit, color=fit.color * 2).color[0, 0] == 2 * fit.color[0, 0]
    with pytest.raises(InputError, match=r"theta must be float64 \(3, 3\)"):
        replace(fit, mean=fit.mean[:3])
