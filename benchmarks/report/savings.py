"""BD-rates of committed rows, image by image."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.report.rows import (
    Ladders,
    Measure,
    Rows,
    curve_of,
    curves_of,
    images_of,
    ladders_of,
    rates_of,
    rows_of,
)
from gsic.bench.bdrate import BdRates, bd_rates

LOW = (0.03, 0.05, 0.1, 0.2)
USUAL = (0.1, 0.2, 0.3, 0.5)
TUNED = (0.1, 0.3)


class Saving(NamedTuple):
    """BD-rates of one configuration of ours against each codec; None without a common range."""

    title: str
    images: int
    rates: tuple[float, ...]
    against: dict[str, BdRates | None]


def saving(
    title: str, rows: Rows, rates: Iterable[float], ladders: Ladders, measure: Measure
) -> Saving:
    """BD-rates of our rows at some rates against every codec that has a curve."""
    wanted = tuple(rates)
    ours = curves_of(rows, wanted, measure)
    against = {
        codec: bd_rates({image: curve_of(rungs, measure) for image, rungs in of.items()}, ours)
        for codec, of in ladders.items()
    }
    return Saving(title, len(images_of(rows)), wanted, against)


def savings(results: Path, measure: Measure) -> list[Saving]:
    """BD-rates on photographs: by effort, by what is optimised, and on tuning images."""
    usual, strong, tuned, tuning = (
        rows_of(results, name)
        for name in ("kodak-effort5", "kodak-effort9", "kodak-ms-ssim", "tune6")
    )
    kodak, others_tuning = ladders_of(results, "kodak"), ladders_of(results, "tune6")
    asked = [
        ("default effort", usual, USUAL, kodak),
        ("default effort", usual, LOW, kodak),
        ("effort 9", strong, USUAL, kodak),
        ("effort 9", strong, LOW, kodak),
        # Two rates make another curve than four: this column is for the one after it.
        ("default effort", usual if tuned else {}, TUNED, kodak),
        ("`--tune ms-ssim`", tuned, TUNED, kodak),
        ("six tuning images", tuning, USUAL, others_tuning),
    ]
    return [
        saving(title, rows, rates, ladders, measure)
        for title, rows, rates, ladders in asked
        if rows and set(rates) <= set(rates_of(rows)) and curves_of(rows, rates, measure)
    ]


def seeds(results: Path) -> dict[int, BdRates]:
    """BD-rates of other seeds against seed 0 on the same tuning images and rates."""
    first, found = rows_of(results, "tune6"), {}
    for seed in (1, 2):
        rows = rows_of(results, f"tune3-seed{seed}")
        rates = rates_of(rows)
        saved = bd_rates(curves_of(first, rates, "psnr"), curves_of(rows, rates, "psnr"))
        if saved is not None:
            found[seed] = saved
    return found
