"""Fits of blended Gaussians keep their opacities, and only they have any."""

from dataclasses import replace

import numpy as np
import pytest
from fit_samples import arrays_of, fit_of, load, packed, refuse, same, saved

from gsic.errors import InputError


def test_opacities_come_back() -> None:
    fitted = fit_of(opacity=np.linspace(0.0, 1.0, 6))
    assert same(load(saved(fitted)), fitted)
    assert "opacity" in arrays_of(fitted)


def test_sums_have_none() -> None:
    assert "opacity" not in arrays_of(fit_of())
    assert load(saved(fit_of())).opacity is None


@pytest.mark.parametrize(
    "opacity",
    [
        np.zeros(5),
        np.zeros((6, 1)),
        np.zeros(6, np.float32),
        np.full(6, 1.1),
        np.full(6, -0.1),
        np.full(6, np.nan),
    ],
)
def test_bad_opacities(opacity: np.ndarray) -> None:
    with pytest.raises(InputError, match="opacity"):
        replace(fit_of(), opacity=opacity)
    refuse(packed({**arrays_of(fit_of()), "opacity": opacity}), "opacity")
