"""How exactly rates are met, and what that costs in time. Writes rate-control.json.

    python -m benchmarks.rd.control FOLDER [--images ...] [--effort E]

Each image is encoded at fixed qualities, and at rates and PSNRs around what those give. Seconds
are compared with those of the fixed quality that leads to about the same size: the mean of one
encoding right before and one right after, as other work on a machine comes and goes.
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

from gsic import encoding, images
from gsic.bench import machine
from gsic.options import EncodeOptions

QUALITIES = (1, 10, 30, 50, 70, 90)
RATES = (0.02, 0.1, 0.3, 1.0, 2.0)
# Bytes that are asked for of the file at quality 50, and dB.
SHARES, OFFSETS = (0.5, 1.5), (-1.5, 1.5)
MEASURES = statistics.median, max


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", help="names without suffix, comma-separated; default: all")
    parser.add_argument("--effort", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    arguments = parser.parse_args()
    wanted = arguments.images.split(",") if arguments.images else None
    rows: list[dict[str, Any]] = []
    for path in sorted(arguments.folder.glob("*.png")):
        if wanted is None or path.stem in wanted:
            rows += rows_of(path, arguments.effort, arguments.threads)
    command = f"python -m benchmarks.rd.control FOLDER --effort {arguments.effort}"
    command += f" --images {arguments.images}" if arguments.images else ""
    result = {
        **machine.stamp(command),
        "effort": arguments.effort,
        "threads": arguments.threads,
        "summary": summary(rows),
        "rows": rows,
    }
    text = json.dumps(result, indent=1)
    (arguments.results / "rate-control.json").write_text(text + "\n")
    print(json.dumps(result["summary"], indent=1))
    return 0


def rows_of(path: Path, effort: int, threads: int) -> list[dict[str, Any]]:
    image = images.load(path).image

    def encoded(name: str, value: float) -> dict[str, Any]:
        options = EncodeOptions(effort=effort, **{name: value})
        report = encoding.encode_with_report(image, options, threads=threads).report
        keys = ("bytes", "bpp", "psnr", "gaussians", "iterations", "seconds")
        row = {"image": path.stem, "asked": name, "value": value}
        print(row, report.bytes, report.psnr, f"{report.seconds:.1f} s", flush=True)
        return row | {key: getattr(report, key) for key in keys}

    fixed = [encoded("quality", quality) for quality in QUALITIES]
    middle = fixed[len(fixed) // 2]
    asked = [
        *(("bpp", rate) for rate in RATES),
        *(("max_bytes", round(share * middle["bytes"])) for share in SHARES),
        *(("psnr", round(middle["psnr"] + offset, 2)) for offset in OFFSETS),
    ]
    rows = list(fixed)
    for name, value in asked:
        size = size_of(name, value, fixed)
        before = encoded("quality", quality_of(size, fixed))
        row = encoded(name, value)
        after = encoded("quality", quality_of(size, fixed))
        usual = statistics.fmean((before["seconds"], after["seconds"]))
        row["seconds_over_quality"] = row["seconds"] / usual
        row["size_of_that_quality"] = after["bytes"]
        rows.append(row)
    return rows


def size_of(name: str, value: float, fixed: list[dict[str, Any]]) -> float:
    """The bytes of a file that is asked for; those of a PSNR as between fixed qualities."""
    if name == "psnr":
        sizes = [math.log(row["bytes"]) for row in fixed]
        return math.exp(float(np.interp(value, [row["psnr"] for row in fixed], sizes)))
    return value if name == "max_bytes" else value * fixed[0]["bytes"] / fixed[0]["bpp"]


def quality_of(size: int, fixed: list[dict[str, Any]]) -> int:
    """The quality that should lead to a file of about `size` bytes."""
    sizes = [math.log(row["bytes"]) for row in fixed]
    return round(float(np.interp(math.log(size), sizes, [row["value"] for row in fixed])))


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The range of every miss, and the median and the most of what it costs."""

    def of(name: str) -> list[dict[str, Any]]:
        return [row for row in rows if row["asked"] == name]

    qualities = [
        (low, high)
        for low, high in zip(of("quality"), of("quality")[1:], strict=False)
        if low["image"] == high["image"]
    ]
    misses = [100.0 * (row["bpp"] / row["value"] - 1.0) for row in of("bpp")]
    limits = [100.0 * (row["bytes"] / row["value"] - 1.0) for row in of("max_bytes")]
    decibels = [row["psnr"] - row["value"] for row in of("psnr")]
    return {
        "bpp_percent": [min(misses), max(misses)],
        "max_bytes_percent": [min(limits), max(limits)],
        "psnr_db": [min(decibels), max(decibels)],
        "quality_is_monotone": all(
            low["bytes"] < high["bytes"] and low["psnr"] < high["psnr"] for low, high in qualities
        ),
        "seconds_over_quality": {
            name: [measure(row["seconds_over_quality"] for row in of(name)) for measure in MEASURES]
            for name in ("bpp", "max_bytes", "psnr")
        },
    }


if __name__ == "__main__":
    sys.exit(main())
