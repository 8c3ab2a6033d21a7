"""Seconds and rate-distortion of each effort, for one image. Writes effort-cpu.json."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gsic import api as codec
from gsic import encoding, images
from gsic.bench import machine
from gsic.bench.bdrate import Point, bd_rate
from gsic.options import DEFAULT_EFFORT, EncodeOptions

KEYS = ("seconds", "iterations", "bytes", "bpp", "psnr", "ms_ssim", "gaussians")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path, help="an image of 768x512, for example kodim03.png")
    parser.add_argument("--bpp", default="0.1,0.3", help="the last one is shown in figures")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--efforts", default="1,2,3,4,5,6,7,8,9")
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    arguments = parser.parse_args()

    image = images.load(arguments.image).image
    # Kernels are made before the clock runs.
    codec.encode(image[:64, :64], gaussians=10, effort=1, threads=arguments.threads)
    rates = [float(rate) for rate in arguments.bpp.split(",")]
    rows = []
    for effort in map(int, arguments.efforts.split(",")):
        for bpp in rates:
            options = EncodeOptions(bpp=bpp, effort=effort)
            report = encoding.encode_with_report(image, options, threads=arguments.threads).report
            rows.append(
                {"effort": effort, "target": bpp} | {key: getattr(report, key) for key in KEYS}
            )
            print(rows[-1], flush=True)
    command = (
        f"python -m benchmarks.speed.effort {arguments.image.name} --bpp {arguments.bpp} "
        f"--threads {arguments.threads} --efforts {arguments.efforts}"
    )
    result = {
        **machine.stamp(command),
        "image": arguments.image.name,
        "width": image.shape[1],
        "height": image.shape[0],
        "threads": arguments.threads,
        "rows": rows,
        "saved_percent": saved(rows),
    }
    (arguments.results / "effort-cpu.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0


def saved(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """BD-rate of each effort against the default, in percent."""

    def curve(effort: int) -> list[Point]:
        return [(row["bpp"], row["psnr"]) for row in rows if row["effort"] == effort]

    rates = {
        effort: bd_rate(curve(DEFAULT_EFFORT), curve(effort))
        for effort in sorted({row["effort"] for row in rows})
    }
    return {str(effort): found and found.percent for effort, found in rates.items()}


if __name__ == "__main__":
    sys.exit(main())
