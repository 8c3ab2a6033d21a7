"""BD-rates of committed rows, image by image."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.report.rows import (
    Ladders,
    Measure,
    Rows,
    build_curve,
    build_curves,
    list_images,
    list_rates,
    load_ladders,
    load_rows,
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


def compute_saving(
    title: str, rows: Rows, rates: Iterable[float], ladders: Ladders, measure: Measure
) -> Saving:
    """Compute BD-rates of our rows at some rates against every codec that has a curve."""
    wanted = tuple(rates)
    ours = build_curves(rows, wanted, measure)
    against = {
        codec: bd_rates({image: build_curve(rungs, measure) for image, rungs in of.items()}, ours)
        for codec, of in ladders.items()
    }
    return Saving(title, len(list_images(rows)), wanted, against)


def compute_savings(results: Path, measure: Measure) -> list[Saving]:
    """Compute BD-rates on photographs: by effort, by what is optimised, and on tuning images."""
    usual, strong, tuned, tuning = (
        load_rows(results, name)
        for name in ("kodak-effort5", "kodak-effort9", "kodak-ms-ssim", "tune6")
    )
    kodak, others_tuning = load_ladders(results, "kodak"), load_ladders(results, "tune")
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
        compute_saving(title, rows, rates, ladders, measure)
        for title, rows, rates, ladders in asked
        if rows and set(rates) <= set(list_rates(rows)) and build_curves(rows, rates, measure)
    ]


def compare_seeds(results: Path) -> dict[int, BdRates]:
    """Compute BD-rates of other seeds against seed 0 on the same tuning images and rates."""
    first, found = load_rows(results, "tune6"), {}
    for seed in (1, 2):
        rows = load_rows(results, f"tune3-seed{seed}")
        rates = list_rates(rows)
        saved = bd_rates(build_curves(first, rates, "psnr"), build_curves(rows, rates, "psnr"))
        if saved is not None:
            found[seed] = saved
    return found
