"""The tables of goals of rate and distortion: what was, what is to be reached, what is measured.

`KODAK`, `ILLUSTRATIONS`, `TUNING` and `TUNED` name the committed rows of ours and the curves of the
other codecs that stand in the tables: new rows are shown once their name stands here.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from benchmarks.report.by_image import (
    LOW_RANGE,
    USUAL_RANGE,
    ByImage,
    compare_with,
    format_spread,
    format_worst,
    select_rates,
    tabulate_against,
)
from benchmarks.report.previews import (
    average_difference,
    compare_previews,
    format_lead,
    format_least,
    load_previews,
    tabulate_previews,
)
from benchmarks.report.rows import NAMES, Measure, load_ladders, load_rows
from benchmarks.report.tables import (
    NONE,
    TITLES,
    describe_origin,
    format_number,
    format_table,
    load,
)
from benchmarks.report.timings import find_over, select_decodes


class Source(NamedTuple):
    """Our rows, rd-ROWS.json, and the other codecs' of the same images, rd-CURVES-curves.csv."""

    title: str
    rows: str
    curves: str


KODAK = Source("Kodak", "kodak-effort5", "kodak")
ILLUSTRATIONS = Source("Shaded illustrations", "illustrations", "illustrations")
TUNING = Source("Tuning images", "tune", "tune")
# What is encoded for a measure; for SSIMULACRA2 the default, as there is no `--tune` for it yet.
TUNED = {
    "ms_ssim": Source("Kodak, `--tune ms-ssim`", "kodak-ms-ssim", "kodak"),
    "ssimulacra2": KODAK,
}
ILLUSTRATED_RANGE = (0.05, 0.2)


class Goal(NamedTuple):
    """A BD-rate to reach, in percent; negative is fewer bits than the other codec needs.

    Args:
        source: whose rows. codec: the one compared with. measure: of quality.
        limits: bits per pixel from and to.
        before: what it was before this work. first, last: the first step, and the goal; None where
            there is only one of both.
    """

    source: Source
    codec: str
    measure: Measure
    limits: tuple[float, float]
    before: str
    first: float | None
    last: float | None


class PreviewGoal(NamedTuple):
    """A lead to reach over the best of the others, in units of the measure; see `Goal`."""

    size: int
    measure: Measure
    before: str
    first: float | None
    last: float | None


GOALS = (
    Goal(KODAK, "avif", "psnr", USUAL_RANGE, "+6 %", -8, -17),
    Goal(KODAK, "avif-444-s4", "psnr", USUAL_RANGE, "+21 %", 5, -5),
    Goal(KODAK, "heic", "psnr", USUAL_RANGE, "+13 %", -2, -11),
    Goal(KODAK, "jpeg2000", "psnr", USUAL_RANGE, "-15 %", -26, -33),
    Goal(KODAK, "webp", "psnr", USUAL_RANGE, "-21 %", -31, -38),
    Goal(KODAK, "jpeg", "psnr", USUAL_RANGE, "-51 %", -57, -62),
    Goal(KODAK, "avif", "psnr", LOW_RANGE, "-7 %", -17, -21),
    Goal(KODAK, "avif-444-s4", "psnr", LOW_RANGE, "+10 %", -2, -7),
    Goal(TUNED["ms_ssim"], "avif", "ms_ssim", USUAL_RANGE, "+1 %", -8, -15),
    Goal(TUNED["ssimulacra2"], "avif", "ssimulacra2", (0.15, 0.5), "far behind", 0, None),
    Goal(TUNED["ssimulacra2"], "avif-iq", "ssimulacra2", (0.15, 0.5), "far behind", None, 0),
    Goal(ILLUSTRATIONS, "avif", "psnr", ILLUSTRATED_RANGE, "-29 %", -40, -55),
    Goal(ILLUSTRATIONS, "avif-444-s4", "psnr", ILLUSTRATED_RANGE, "-1 %", -15, -35),
    Goal(ILLUSTRATIONS, "avif-444-iq-s4", "ssimulacra2", ILLUSTRATED_RANGE, "level", 0, -25),
)
PREVIEW_GOALS = (
    PreviewGoal(500, "psnr", "about +1 dB", 1, 2),
    PreviewGoal(1000, "psnr", "about +1 dB", 1, 2),
    PreviewGoal(2000, "psnr", "+0.3 dB", 1, 2),
    *(PreviewGoal(size, "ms_ssim", "level or behind", 0, None) for size in (500, 1000, 2000)),
    *(PreviewGoal(size, "ssimulacra2", NONE, None, 0) for size in (500, 1000, 2000)),
)
# Decoding with one thread: case, its time over libwebp's on the same pictures as it was, and by how
# much it may grow. On a busy machine the ratio tells more than milliseconds.
DECODE = "speed-decode.json"
DECODE_GOALS = (("0.2-bpp", 0.97, 1.0), ("0.3-bpp", 0.91, 1.3))


def tabulate_rate_goals(results: Path) -> list[str]:
    """Write the table of goals; nothing where there are no rows of Kodak."""
    if not load_rows(results, KODAK.rows):
        return []
    lines = [_describe_goal(goal, results) for goal in GOALS]
    lines += [_describe_preview_goal(goal, results) for goal in PREVIEW_GOALS]
    lines += [_describe_decode_goal(*goal, results) for goal in DECODE_GOALS]
    head = ["what", "before", "first step", "goal", "measured", "worst images", "reached"]
    return [
        "**Goals.** BD-rates against other codecs and leads of previews, image by image: mean ± "
        "standard deviation over the images, and the three worst. Negative rates are fewer bits, "
        "positive leads are better pictures. In brackets: how much of the range of quality of our "
        "curves the others' cover where that is not all of it, and the images where some have no "
        "common range, which are listed below. MS-SSIM is interpolated as -10 log10(1 - MS-SSIM).",
        format_table(head, lines),
    ]


def tabulate_codecs(results: Path) -> list[str]:
    """Write BD-rates against every codec, by set of images and range of rates."""
    text = []
    for source, ranges in (
        (KODAK, (USUAL_RANGE, LOW_RANGE)),
        (TUNING, (USUAL_RANGE,)),
        (ILLUSTRATIONS, (ILLUSTRATED_RANGE,)),
    ):
        rows, ladders = load_rows(results, source.rows), load_ladders(results, source.curves)
        tables = [
            part
            for low, high in ranges
            for part in tabulate_against(source.title, rows, ladders, low, high)
        ]
        if tables:
            text += [f"{source.title}: {describe_origin(results / f'rd-{source.rows}.json')}"]
            text += tables
    return text


def build_rate_distortion(results: Path) -> str:
    """Write all tables of rate and distortion for docs/benchmarks.md."""
    sections = (tabulate_rate_goals, tabulate_previews, tabulate_codecs)
    return "\n\n".join(text for section in sections for text in section(results))


def _describe_goal(goal: Goal, results: Path) -> list[str]:
    """Write the line of a BD-rate."""
    rows = load_rows(results, goal.source.rows)
    rates = select_rates(rows, *goal.limits)
    found: ByImage | None = None
    if len(rates) > 1:
        ladders = load_ladders(results, goal.source.curves)
        found = compare_with(rows, rates, ladders, goal.codec, goal.measure)
    asked = (
        ", ".join(f"{rate:g}" for rate in rates) if rates else "{:g} to {:g}".format(*goal.limits)
    )
    return [
        f"{goal.source.title}, {asked} bpp, {NAMES[goal.measure]}: {TITLES[goal.codec]}",
        *(goal.before, _format_aim(goal.first, " %"), _format_aim(goal.last, " %")),
        *(format_spread(found), format_worst(found)),
        _judge(None if found is None else found.mean, goal.first, goal.last, fewer=True),
    ]


def _describe_preview_goal(goal: PreviewGoal, results: Path) -> list[str]:
    """Write the line of a lead of previews."""
    found = compare_previews(*load_previews(results), goal.size, goal.measure)
    unit = " dB" if goal.measure == "psnr" else ""
    return [
        f"previews of {goal.size} bytes, {NAMES[goal.measure]}: the best of the others",
        *(goal.before, _format_aim(goal.first, unit), _format_aim(goal.last, unit)),
        f"{format_lead(found, goal.measure)}{unit}" if found else NONE,
        format_least(found, goal.measure) if found else NONE,
        _judge(average_difference(found) if found else None, goal.first, goal.last),
    ]


def _describe_decode_goal(case: str, before: float, factor: float, results: Path) -> list[str]:
    """Write the line of the time of decoding, which may grow by a factor."""
    found = load(results / DECODE)
    ratio = find_over(select_decodes(found, case), "webp") if found is not None else None
    over, most = None if ratio is None else round(ratio, 2), round(before * factor, 2)
    return [
        f"decoding with one thread, {case.replace('-', ' ')}, over libwebp",
        *(f"{before:.2f}", NONE, f"at most {most:.2f}"),
        *(format_number(over, 2), NONE),
        _judge(over, None, most, fewer=True),
    ]


def _format_aim(value: float | None, unit: str) -> str:
    return NONE if value is None else f"{value:+g}{unit}" if value else "level"


def _judge(
    value: float | None, first: float | None, last: float | None, *, fewer: bool = False
) -> str:
    """Say what a value reaches; with `fewer`, less of it is better."""
    if value is None:
        return "not measured yet"
    sign = -1.0 if fewer else 1.0
    if last is not None and sign * value >= sign * last:
        return "the goal"
    return "the first step" if first is not None and sign * value >= sign * first else "no"
