"""Targets of rate control: what they leave out, how they correct, what is out of reach."""

import math
from collections.abc import Callable
from functools import cache
from itertools import accumulate, pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsic.encoders.base import Coded
from gsic.encoders.gsic.psnr_control import PSNR_TOLERANCE_DB, PsnrTarget
from gsic.encoders.gsic.rate_control import (
    DEFAULT_QUALITY,
    BytesTarget,
    StepTarget,
    index_of_quality,
)
from gsic.encoders.gsic.recipe import EncodeRecipe
from gsic.errors import InputError
from gsic.profiles.gsic.symbols import MAX_STEP_INDEX, STEP_RESOLUTION

COUNT = 100


@cache  # equal files are the same object
def coded(size: int = 1000, psnr: float = 30.0) -> Coded:
    return Coded(bytes(size), lambda: psnr)


def shorten(dropped: int) -> Coded:
    """A file of 20 bytes and ten a Gaussian, each of which is worth a tenth of a decibel."""
    assert 0 <= dropped <= COUNT
    return coded(20 + 10 * (COUNT - dropped), 25.0 + 0.1 * (COUNT - dropped))


def bytes_target(limit: int) -> BytesTarget:
    return BytesTarget(COUNT, limit, 20, "max_bytes", limit, 1000)


def psnr_target(psnr: float, index: int = 500, predicted: float = 0.0) -> PsnrTarget:
    return PsnrTarget(COUNT, index, psnr, lambda _, __: predicted)


def test_qualities_are_steps_that_get_finer_evenly() -> None:
    indices = [index_of_quality(quality) for quality in range(1, 101)]
    gaps = {coarse - fine for coarse, fine in pairwise(indices)}
    assert min(gaps) > 0
    assert max(gaps) - min(gaps) <= 1
    assert 0 < indices[-1] < indices[0] < MAX_STEP_INDEX
    assert 1 <= DEFAULT_QUALITY <= 100


def test_a_step_is_taken_as_it_is() -> None:
    target = StepTarget(9, 77)
    qat: Any = None
    assert target.gaussians == 9
    assert target.choose_step(qat, 0.9) == 77
    assert target.list_choices(EncodeRecipe(choose_step_at=(0.0, 0.4))) == (0.0, 0.4)
    assert target.correct_step(77, coded()) is None
    assert target.fit_to_budget(shorten, COUNT) == (0, shorten(0))


@pytest.mark.parametrize("limit", [20, 21, 29, 30, 500, 1011, 1019])
def test_bytes_are_used_but_not_exceeded(limit: int) -> None:
    dropped, kept = bytes_target(limit).fit_to_budget(shorten, COUNT)
    assert len(kept.data) <= limit
    assert kept == shorten(dropped)
    assert len(shorten(dropped - 1).data) > limit


def test_a_file_that_is_small_enough_is_left_whole() -> None:
    assert bytes_target(1020).fit_to_budget(shorten, COUNT)[0] == 0
    assert bytes_target(10**9).fit_to_budget(shorten, COUNT)[0] == 0
    assert bytes_target(20).fit_to_budget(lambda _: coded(20), 0)[0] == 0


@pytest.mark.parametrize("limit", [1, 19])
def test_bytes_out_of_reach(limit: int) -> None:
    with pytest.raises(InputError, match=rf"^max-bytes {limit} is out of reach.* 20 bytes$"):
        bytes_target(limit).fit_to_budget(shorten, COUNT)


def test_bytes_are_not_exceeded_where_sizes_jump() -> None:
    """Models of symbols change with their counts: a file of fewer Gaussians may be larger."""

    def jumpy(dropped: int) -> Coded:
        return coded(20 + 10 * (COUNT - dropped) + 37 * (dropped % 3))

    for limit in range(94, 1200, 13):
        assert len(bytes_target(limit).fit_to_budget(jumpy, COUNT)[1].data) <= limit


@given(st.lists(st.integers(1, 60), max_size=300), st.integers(20, 9000))
def test_as_few_as_possible_are_left_out(sizes: list[int], limit: int) -> None:
    """Whatever single Gaussians take."""
    left = [*accumulate(reversed(sizes), initial=20)][::-1]
    target = BytesTarget(len(sizes), limit, 20, "max_bytes", limit, 1000)
    dropped, _ = target.fit_to_budget(lambda n: coded(left[n]), len(sizes))
    assert dropped == next(n for n, size in enumerate(left) if size <= limit)


def test_few_files_are_written_to_meet_a_budget() -> None:
    tried: list[int] = []

    def weighed(dropped: int) -> Coded:
        tried.append(dropped)
        return coded(20 + sum(range(dropped, 3000)))

    target = bytes_target(len(weighed(41).data))
    tried.clear()
    assert target.fit_to_budget(weighed, 3000)[0] == 41
    assert len(tried) <= 10


@pytest.mark.parametrize("slope", [0.25, 0.5, 0.8])
@pytest.mark.parametrize("size", [700, 950, 1050, 1500])
def test_bytes_are_approached_whatever_a_step_does(size: int, slope: float) -> None:
    """From both sides, with bytes per octave that the target does not know."""
    target, index = bytes_target(1000), 500
    for _ in range(4):
        reached = coded(round(size * 2.0 ** (slope * (500 - index) / STEP_RESOLUTION)))
        better = target.correct_step(index, reached)
        if better is None:
            break
        index = better
    assert 990 <= len(reached.data) <= 1020


def test_bytes_correct_the_step_where_leaving_out_does_not_do() -> None:
    target = bytes_target(1000)
    assert target.correct_step(500, coded(990)) is None
    assert target.correct_step(500, coded(1020)) is None
    finer, coarser = target.correct_step(500, coded(900)), target.correct_step(500, coded(1100))
    assert finer is not None
    assert coarser is not None
    assert finer < 500 < coarser
    much_finer = target.correct_step(500, coded(500))
    assert much_finer is not None
    assert much_finer < finer
    # The ends of the scale.
    assert target.correct_step(3, coded(10)) == 0
    assert target.correct_step(MAX_STEP_INDEX - 3, coded(10**6)) == MAX_STEP_INDEX


@pytest.mark.parametrize("psnr", [25.0, 25.04, 28.81, 34.99, 35.0])
def test_a_psnr_is_reached_with_as_few_as_possible(psnr: float) -> None:
    dropped, kept = psnr_target(psnr).fit_to_budget(shorten, COUNT)
    assert psnr <= kept.psnr <= psnr + PSNR_TOLERANCE_DB + 1e-9 or dropped == COUNT - 1
    assert kept == shorten(dropped)


def test_a_psnr_out_of_reach() -> None:
    with pytest.raises(InputError, match=r"PSNR of 35\.2 dB is out of reach.* 35\.00 dB$"):
        psnr_target(35.2).fit_to_budget(shorten, COUNT)


def corrected(answer: Callable[[int], float], psnr: float) -> tuple[int, float]:
    """Index and PSNR after corrections, as an encoding makes them."""
    target, index = psnr_target(psnr), 500
    for _ in range(4):
        better = target.correct_step(index, coded(psnr=answer(index)))
        if better is None:
            break
        index = better
    return index, answer(index)


@pytest.mark.parametrize("slope", [1.5, 3.0, 5.0])
@pytest.mark.parametrize("psnr", [28.0, 29.7, 30.0, 31.0, 33.0])
def test_a_psnr_is_approached_whatever_a_step_does(psnr: float, slope: float) -> None:
    """From both sides, with dB per octave that the target does not know."""
    _, reached = corrected(lambda index: 30.0 - slope * (index - 500) / STEP_RESOLUTION, psnr)
    assert psnr <= reached <= psnr + 1.5 * PSNR_TOLERANCE_DB


@pytest.mark.parametrize(
    ("predicted", "share", "moves"),
    [(30.0, 0.5, 0), (30.05, 0.6, 0), (31.0, 0.6, 1), (29.0, 0.6, -1), (math.inf, 0.6, 0)],
)
def test_a_step_is_chosen_by_where_it_leads(predicted: float, share: float, moves: int) -> None:
    recipe = EncodeRecipe(choose_step_at=(0.0, 0.5), predict_psnr_at=(0.6,))
    qat: Any = SimpleNamespace(recipe=recipe)
    target = psnr_target(30.0, predicted=predicted)
    assert target.list_choices(recipe) == (0.0, 0.5, 0.6)
    index = target.choose_step(qat, share)
    assert np.sign(index - 500) == moves
    assert abs(index - 500) < STEP_RESOLUTION
    # Where it is not predicted, it stays.
    assert target.choose_step(qat, 0.5) == index


def test_a_psnr_that_is_met_is_not_corrected() -> None:
    target = psnr_target(30.0)
    assert target.correct_step(500, coded(psnr=30.0)) is None
    # What is left over is traded for bytes at the end.
    assert target.correct_step(500, coded(psnr=30.0 + PSNR_TOLERANCE_DB)) is None
    assert target.correct_step(500, coded(psnr=30.0 + 2.0 * PSNR_TOLERANCE_DB)) is not None
    assert target.correct_step(500, coded(psnr=29.99)) is not None


def test_a_psnr_with_the_finest_step_is_not_corrected_for_ever() -> None:
    assert psnr_target(60.0, index=0).correct_step(0, coded(psnr=50.0)) is None
