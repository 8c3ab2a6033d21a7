"""Encodings that are given a time: the steps that fit into it, and what they lead to."""

import math
from typing import Any

import pytest
from fit_images import Bytes, photo_cut

from gsic import encoding
from gsic.encoders.gsic import pace as pacing
from gsic.encoders.gsic.pace import Pace, Speed, Work
from gsic.encoders.gsic.recipe import (
    LEAST_STEPS,
    EncodeRecipe,
    effort_of_steps,
    recipe_of_effort,
    recipe_of_steps,
)
from gsic.encoding import EncodeReport
from gsic.options import EncodeOptions

NO_WORK = Work(0, 0)


def report_of(image: Bytes, **options: Any) -> EncodeReport:
    """Encode an image on the CPU, and return the report."""
    return encoding.encode_with_report(image, EncodeOptions(**options), device="cpu").report


class Clock:
    """A clock that stands still between the seconds that a test lets pass."""

    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pacing, "read_clock", lambda: clock.now)
    return clock


def make_pace(seconds: float, work: Work = NO_WORK) -> Pace:
    """A pace of 10 ms a step, 0.2 s a pass and 50 ms a file."""
    pace = Pace(seconds, work)
    pace.speed = Speed(0.01, 0.2, 0.05)
    return pace


def predict_seconds(recipe: EncodeRecipe, work: Work) -> float:
    """The seconds of an encoding at the speed of `make_pace`."""
    passes = recipe.rdoq_passes * (1 + work.corrections) + work.passes
    steps = recipe.steps * (1 + work.corrections * recipe.correction_share)
    return 0.01 * steps + 0.2 * passes + 0.05 * 8


@pytest.mark.parametrize("work", [Work(0, 0), Work(1, 0), Work(1, 6)])
@pytest.mark.parametrize("seconds", [4.0, 20.0, 300.0])
def test_as_many_steps_as_end_in_time(clock: Clock, seconds: float, work: Work) -> None:
    recipe = make_pace(seconds, work).choose_recipe(recipe_of_steps)
    assert predict_seconds(recipe, work) <= seconds
    assert predict_seconds(recipe_of_steps(recipe.steps + 1), work) > seconds


def test_no_time_is_shorter_than_that_of_the_least_effort(clock: Clock) -> None:
    for seconds in (1e-9, 0.1, 1.0):
        assert make_pace(seconds).choose_recipe(recipe_of_steps) == recipe_of_effort(1)
    assert make_pace(1e300).choose_recipe(recipe_of_steps).steps < 10**6


def test_recipes_of_steps_are_those_of_efforts() -> None:
    for effort in range(1, 10):
        steps = recipe_of_effort(effort).steps
        assert recipe_of_steps(steps) == recipe_of_effort(effort)
        assert (effort_of_steps(steps), effort_of_steps(steps - 1)) == (effort, max(effort - 1, 1))
    passes = [recipe_of_steps(steps).rdoq_passes for steps in range(1, 8000, 7)]
    assert passes == sorted(passes)


def test_segments_are_as_long_as_the_speed_allows(clock: Clock) -> None:
    recipe = EncodeRecipe(steps=1000, rdoq_passes=0)
    pace = make_pace(10.4)
    assert pace.start_segment(200, 1000, recipe) == 200
    clock.now += 4.0  # twice as long as expected
    pace.end_segment(200)
    assert pace.speed.step == pytest.approx(0.02)
    # 6 s are left for 800 steps, which would take 16.
    assert pace.start_segment(400, 800, recipe) == 150
    clock.now += 0.15
    pace.end_segment(150)
    # 5.85 s are left at 1 ms a step: no more than four times as many.
    assert pace.start_segment(100, 400, recipe) == 400
    clock.now += 100.0
    assert pace.start_segment(100, 400, recipe) == round(100 * LEAST_STEPS / 1000)


def test_without_a_time_nothing_changes(clock: Clock) -> None:
    pace = Pace(math.inf, Work(1, 6))
    recipe = EncodeRecipe()
    assert not pace.is_limited
    assert pace.start_segment(123, 456, recipe) == 123
    clock.now += 1e9
    pace.end_segment(123)
    assert pace.speed == Speed(0.0, 0.0, 0.0)
    assert pace.allows_pass()
    assert pace.allows_again(1e9)


def test_what_there_is_no_time_for(clock: Clock) -> None:
    pace = make_pace(10.0)
    assert pace.allows_again(9.0)
    clock.now += 9.3  # 0.7 s are left, for a pass and eight files, which take 0.6
    assert not pace.allows_again(9.0)
    assert pace.allows_pass()
    clock.now += 0.2
    assert not pace.allows_pass()


@pytest.mark.parametrize(
    "rate", [{"bpp": 0.5}, {"max_bytes": 600}, {"quality": 50}, {"gaussians": 90}, {"psnr": 25.0}]
)
def test_every_rate_is_met_in_a_time(rate: dict[str, Any]) -> None:
    image = photo_cut("hats", 2)
    report = report_of(image, time=0.5, **rate)
    assert report.iterations >= LEAST_STEPS
    assert 1 <= report.effort <= 9
    height, width = image.shape[:2]
    assert report.bytes <= rate.get("max_bytes", rate.get("bpp", math.inf) * height * width / 8)
    if "bpp" in rate:  # as closely as at any effort
        assert report.bpp >= 0.95 * rate["bpp"]
    assert report.gaussians <= rate.get("gaussians", math.inf)
    assert (report.psnr or math.inf) >= rate.get("psnr", 0.0)


def test_more_time_is_more_steps_and_a_better_image() -> None:
    image = photo_cut("hats", 2)
    report_of(image, time=0.01, bpp=0.5)  # makes or loads the kernels
    short, long = (report_of(image, time=seconds, bpp=0.5) for seconds in (0.01, 3.0))
    assert long.iterations > 1.5 * short.iterations
    assert long.psnr is not None
    assert short.psnr is not None
    assert long.psnr > short.psnr
    assert long.effort >= short.effort == 1


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (9, 1), (16, 16)])
def test_tiny_images_in_a_time(shape: tuple[int, int]) -> None:
    rows, columns = shape
    image = photo_cut("hats")[:rows, :columns]
    assert report_of(image, time=0.1).bytes > 0
    assert report_of(image, time=0.1, gaussians=2 * rows * columns).bytes > 0


def test_reports_tell_the_effort_that_was_asked_for() -> None:
    assert report_of(photo_cut("hats", 4), effort=2, gaussians=20).effort == 2
    settings = {"steps": 30}
    assert report_of(photo_cut("hats", 4), gaussians=20, settings=settings).effort == 5
