"""Every domain of every option, and what each refusal says."""

import math
import pickle
from typing import Any

import numpy as np
import pytest

from gsic.errors import FormatError, GsicError, InputError, LimitError, OptionError
from gsic.options import (
    RATES,
    EncodeOptions,
    FitOptions,
    Limits,
    check_region_inside,
    count_threads,
    scale_size,
)

GOOD_RATES = {"quality": 50, "bpp": 0.3, "max_bytes": 2000, "psnr": 30.0, "gaussians": 100}


@pytest.mark.parametrize(("first", "second"), [(a, b) for a in RATES for b in RATES if a < b])
def test_two_rates_are_refused_with_the_pair_named(first: str, second: str) -> None:
    pair = sorted((first, second), key=RATES.index)
    with pytest.raises(OptionError, match=f"^{pair[0]} and {pair[1]} exclude each other"):
        EncodeOptions(**{name: GOOD_RATES[name] for name in (first, second)})


@pytest.mark.parametrize("name", RATES)
def test_the_rate_is_told(name: str) -> None:
    assert EncodeOptions(**{name: GOOD_RATES[name]}).rate == (name, GOOD_RATES[name])
    assert EncodeOptions().rate is None


BAD: list[tuple[type, str, Any]] = [
    *((EncodeOptions, "quality", value) for value in (0, 101, -1, 1.5, True, "50", math.nan)),
    *((EncodeOptions, "bpp", value) for value in (0, -0.1, math.nan, math.inf, "1", True, [1])),
    *((EncodeOptions, "max_bytes", value) for value in (0, -5, 10.5, math.inf)),
    *((EncodeOptions, "psnr", value) for value in (0, -30, math.nan, -math.inf, 10**400)),
    *((EncodeOptions, "gaussians", value) for value in (0, -1, 2**24 + 1, 1e3)),
    *((EncodeOptions, "effort", value) for value in (0, 10, 5.0)),
    *((EncodeOptions, "time", value) for value in (0, -1.0, math.nan, math.inf, "5", True)),
    *((EncodeOptions, "seed", value) for value in (-1, 2**63, 0.0, None)),
    *((EncodeOptions, "profile", value) for value in ("", "GSIC", "jpeg", None)),
    *((EncodeOptions, "tune", value) for value in ("", "ssim", "PSNR", None)),
    *((EncodeOptions, "settings", value) for value in (None, [("a", 1)], {1: 2})),
    *((FitOptions, "gaussians", value) for value in (0, None, 2**24 + 1)),
    *((FitOptions, "iterations", value) for value in (0, -1, 10**7 + 1, 1.0)),
    *((FitOptions, name, "other") for name in ("loss", "covariance", "blend", "optimizer")),
    (FitOptions, "seed", -1),
    *((Limits, "pixels", value) for value in (0, -1, 1.5)),
    *((Limits, "area_per_pixel", value) for value in (0.0, math.nan, math.inf)),
]


@pytest.mark.parametrize(("options", "name", "value"), BAD)
def test_values_outside_the_domain_are_refused_by_name(
    options: type, name: str, value: Any
) -> None:
    with pytest.raises(OptionError, match=name):
        options(**{name: value})


@pytest.mark.parametrize("profile", ["gaussianimage", "2dgs"])
def test_the_papers_know_psnr_only(profile: str) -> None:
    assert EncodeOptions(profile=profile, tune="psnr").tune == "psnr"
    with pytest.raises(OptionError, match=f"^tune ms-ssim and profile {profile} exclude each"):
        EncodeOptions(profile=profile, tune="ms-ssim")


def test_an_effort_or_a_time() -> None:
    assert EncodeOptions().effort_or_default == EncodeOptions(effort=5).effort_or_default == 5
    assert EncodeOptions(effort=3).effort_or_default == 3
    assert EncodeOptions(time=np.float32(2)).time == 2.0
    with pytest.raises(OptionError, match="effort and time exclude each other"):
        EncodeOptions(effort=5, time=5.0)
    with pytest.raises(OptionError, match="time and setting steps exclude each other"):
        EncodeOptions(time=5.0, settings={"steps": 100})
    for profile in ("gaussianimage", "2dgs"):
        with pytest.raises(OptionError, match=f"time and profile {profile} exclude each other"):
            EncodeOptions(time=5.0, profile=profile)


def test_settings_are_finite() -> None:
    with pytest.raises(OptionError, match="setting rate must be finite"):
        FitOptions(settings={"rate": math.nan})


def test_numpy_numbers_become_python_numbers() -> None:
    options = EncodeOptions(bpp=np.float32(0.5), effort=np.int64(3))
    assert type(options.bpp) is float
    assert type(options.effort) is int
    assert type(EncodeOptions(max_bytes=np.uint16(7)).max_bytes) is int


def test_options_are_values() -> None:
    settings = {"rounds": "4"}
    options = EncodeOptions(bpp=0.5, settings=settings)
    settings["rounds"] = "5"
    assert options.settings == {"rounds": "4"}
    assert pickle.loads(pickle.dumps(options)) == options
    with pytest.raises(AttributeError):
        options.bpp = 1.0  # type: ignore[misc]


def test_who_is_at_fault_is_in_the_type() -> None:
    assert issubclass(OptionError, InputError)
    assert issubclass(FormatError, ValueError)
    assert not issubclass(LimitError, (InputError, FormatError))
    assert all(issubclass(kind, GsicError) for kind in (InputError, FormatError, LimitError))


def test_threads() -> None:
    assert count_threads(3) == 3
    assert count_threads(None) >= 1
    for bad in (0, -1, 1.0, 10**6):
        with pytest.raises(OptionError, match="threads"):
            count_threads(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scale", "size"),
    [(1.0, (7, 3)), (2, (14, 6)), (0.5, (4, 2)), (1e-9, (1, 1)), (1.5, (11, 5)), (1 / 3, (2, 1))],
)
def test_scaled_sizes_round_half_up_and_never_vanish(scale: float, size: tuple[int, int]) -> None:
    assert scale_size(7, 3, scale) == size


@pytest.mark.parametrize("scale", [0, -1, math.nan, math.inf, "2"])
def test_scales_are_positive(scale: Any) -> None:
    with pytest.raises(OptionError, match="scale"):
        scale_size(7, 3, scale)


def test_regions_lie_inside() -> None:
    assert check_region_inside((0, 0, 7, 3), 7, 3) == (0, 0, 7, 3)
    assert check_region_inside(np.array([6, 2, 1, 1]), 7, 3) == (6, 2, 1, 1)


@pytest.mark.parametrize(
    "region", [(0, 0, 8, 3), (1, 0, 7, 3), (0, 1, 7, 3), (7, 0, 1, 1), (0, 2**31, 1, 1)]
)
def test_regions_outside_are_refused(region: tuple[int, ...]) -> None:
    with pytest.raises(OptionError, match="outside the decoded image of 7x3 pixels"):
        check_region_inside(region, 7, 3)


@pytest.mark.parametrize(
    "region", [(-1, 0, 1, 1), (0, 0, 0, 1), (0, 0, 1), 5, "abcd", (0, 0, 1.5, 1)]
)
def test_regions_that_are_none_are_refused(region: Any) -> None:
    with pytest.raises(OptionError, match="region"):
        check_region_inside(region, 7, 3)
