"""What each step of the profile gsic buys. Writes ablation.json and ablation.md.

    python -m benchmarks.rd.ablation FOLDER [--images ...] [--bpp 0.1,0.2,0.4] [--effort E]

Steps of the coding are counted on the same symbols, so at the same PSNR: fields of fixed length;
positions as sorted sets; a static histogram for each column; the models of FORMAT.md with their
contexts. Steps of the fit are encodings of their own, compared as BD-rates. All are taken image by
image and relative to the profile as it is, so a step buys the difference to the row above it.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np

from gsic import container, encoding, images
from gsic.bench import machine
from gsic.bench.bdrate import Point, bd_rates
from gsic.options import EncodeOptions
from gsic.profiles.gsic.symbols import QuantisedImage, count_squares
from gsic.profiles.registry import find_by_name

# Steps of the fit: what is left out, by settings.
FITS: dict[str, dict[str, float | int]] = {
    "no search after tuning, all Gaussians from the start": {
        "rdoq_passes": 0,
        "growth_rounds": 0,
    },
    "no search after tuning": {"rdoq_passes": 0},
    "as it is": {},
}
CODINGS = (
    "fields of fixed length",
    "positions as sorted sets",
    "static histograms",
    "models with contexts",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", help="names without suffix, comma-separated; default: all")
    parser.add_argument("--bpp", default="0.1,0.2,0.4")
    parser.add_argument("--effort", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    arguments = parser.parse_args()
    wanted = arguments.images.split(",") if arguments.images else None
    paths = [
        path
        for path in sorted(arguments.folder.glob("*.png"))
        if wanted is None or path.stem in wanted
    ]
    rates = [float(rate) for rate in arguments.bpp.split(",")]
    rows = [row_of(path, rate, fit, arguments) for path in paths for rate in rates for fit in FITS]
    table = table_of(rows)
    command = f"python -m benchmarks.rd.ablation {arguments.folder.name} --bpp {arguments.bpp} "
    command += f"--effort {arguments.effort}"
    command += f" --images {arguments.images}" if arguments.images else ""
    result = {**machine.stamp(command), "table": table, "rows": rows}
    (arguments.results / "ablation.json").write_text(json.dumps(result, indent=1) + "\n")
    lines = ["| step | rate against the profile as it is | least, largest |", "| --- | --- | --- |"]
    lines += [
        f"| {name} | {percent:+.1f} % | {least:+.1f}, {largest:+.1f} % |"
        for name, percent, least, largest in table
    ]
    text = "\n".join(lines)
    (arguments.results / "ablation.md").write_text(f"`{command}`\n\n{text}\n")
    print(text)
    return 0


def row_of(path: Path, rate: float, fit: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One encoding, and what its symbols would take with less."""
    options = EncodeOptions(bpp=rate, effort=arguments.effort, settings=FITS[fit])
    image = images.load(path).image
    encoded = encoding.encode_with_report(image, options, threads=arguments.threads)
    file = container.read(encoded.data)
    row = {"image": path.stem, "target": rate, "fit": fit}
    row |= {key: getattr(encoded.report, key) for key in ("bpp", "psnr", "gaussians", "bytes")}
    if not FITS[fit]:
        row["bits"] = coded_bits(find_by_name("gsic").read(file), 8 * len(encoded.data))
    print(row, flush=True)
    return row


def coded_bits(image: QuantisedImage, actual: int) -> dict[str, float]:
    """Bits of a file of the same symbols, coded with less."""
    header, symbols = image
    count = len(symbols)
    cells = sum(
        float(np.sum(symbols.position_class == group))
        * math.log2(math.prod(count_squares(header, group)))
        for group in np.unique(symbols.position_class).tolist()
    )
    columns = [
        *(symbols.position_class, symbols.amplitude_class, symbols.log_scale),
        *symbols.log_anisotropy.T,
        *symbols.color.T,
    ]
    fixed = sum(count * math.ceil(math.log2(int(np.ptp(column)) + 1)) for column in columns)
    # Which position class a Gaussian has is free in sorted sets of one class each.
    entropy = sum(_histogram_bits(column) for column in columns[1:])
    saved = math.lgamma(count + 1.0) / math.log(2.0)
    classes = count * math.ceil(math.log2(int(np.ptp(columns[0])) + 1))
    return {
        CODINGS[0]: cells + fixed,
        # The order of all Gaussians is worth log2 N!; with it their classes come for their entropy.
        CODINGS[1]: cells + fixed - saved - classes + _entropy_bits(columns[0]),
        CODINGS[2]: cells - saved + _entropy_bits(columns[0]) + entropy,
        CODINGS[3]: float(actual),
    }


def _entropy_bits(column: np.ndarray) -> float:
    _, counts = np.unique(column, return_counts=True)
    return float(-(counts * np.log2(counts / counts.sum())).sum())


def _histogram_bits(column: np.ndarray) -> float:
    """Zero-order entropy, and 8 bits for each entry of its table."""
    return _entropy_bits(column) + 8.0 * (int(np.ptp(column)) + 1)


def table_of(rows: list[dict[str, Any]]) -> list[tuple[str, float, float, float]]:
    """Rows of (step, mean percent of the images, least, largest), from nothing to everything."""
    names = sorted({row["image"] for row in rows})
    table = []
    for coding in CODINGS[:-1]:
        percents = [
            100.0 * (count_bits(rows, image, coding) / count_bits(rows, image, CODINGS[-1]) - 1.0)
            for image in names
        ]
        spread = statistics.fmean(percents), min(percents), max(percents)
        table.append((f"coding: {coding}", *spread))
    for fit in FITS:
        saved = bd_rates(build_curves(rows, "as it is"), build_curves(rows, fit))
        if saved is not None:
            table.append((f"fit: {fit}", saved.percent, saved.least, saved.largest))
    return table


def count_bits(rows: list[dict[str, Any]], image: str, coding: str) -> float:
    """Bits of all files of an image under one coding."""
    return sum(row["bits"][coding] for row in rows if row["image"] == image and "bits" in row)


def build_curves(rows: list[dict[str, Any]], fit: str) -> dict[str, list[Point]]:
    """The curve of each image under one fit."""
    found: dict[str, list[Point]] = {}
    for row in rows:
        if row["fit"] == fit:
            found.setdefault(row["image"], []).append((row["bpp"], row["psnr"]))
    return found


if __name__ == "__main__":
    sys.exit(main())
