"""Seconds of encoding on all threads, with what came of it: bytes and PSNR.

    GSIC_DATA=FOLDER python -m benchmarks.speed.encode [--large 1,5]

FOLDER/kodak has the photographs: each is encoded at 0.3 bpp with the efforts 1, 5 and 9, and into
1000 bytes with the default effort; with --large a picture of 6000x4000 too, at 0.2 bpp with the
efforts named. Kernels are made before the clock runs. Writes speed-encode.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.speed.pictures import CASES, LARGE, PHOTO, Case, find_photos, load_picture
from benchmarks.speed.turns import find_spread
from gsic import encoding
from gsic.bench import machine
from gsic.options import DEFAULT_EFFORT, EncodeOptions

EFFORTS = (1, DEFAULT_EFFORT, 9)
_KEYS = ("bytes", "bpp", "psnr", "gaussians", "iterations")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1, help="of each encoding")
    parser.add_argument("--large", metavar="EFFORTS", help="6000x4000 too; takes minutes")
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    arguments = parser.parse_args()

    photos = find_photos()
    large = [int(effort) for effort in arguments.large.split(",")] if arguments.large else []
    asked = f" --large {arguments.large}" if large else ""
    result = {
        **machine.stamp("python -m benchmarks.speed.encode" + asked),
        "load": [os.getloadavg()[0]],
        "threads": arguments.threads,
        "rows": [],
    }
    warm = load_picture(photos / "kodim03.png", (64, 64))
    encoding.encode_with_report(warm, EncodeOptions(effort=1), threads=arguments.threads)
    for case in list_cases(large):
        for photo in case.photos:
            row = {"case": case.name, "image": photo, "effort": case.effort}
            row |= measure(case, photos / f"{photo}.png", arguments)
            result["rows"].append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
            result["load"] = [result["load"][0], os.getloadavg()[0]]
            # After every row: a run that is stopped has measured something.
            text = json.dumps(result, indent=1)
            (arguments.results / "speed-encode.json").write_text(text + "\n")
    return 0


def list_cases(large: Sequence[int]) -> list[Case]:
    """Return what is encoded; the large picture with each effort of `large`."""
    by_size = {(case.size, case.rate): case for case in CASES}
    photograph = by_size[PHOTO, ("bpp", 0.3)]
    cases = [by_size[PHOTO, ("max_bytes", 1000)]]
    cases += [replace(photograph, effort=effort) for effort in EFFORTS]
    return cases + [replace(by_size[LARGE, ("bpp", 0.2)], effort=effort) for effort in large]


def measure(case: Case, photo: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Encode one picture as often as asked; the seconds are without compilation."""
    image = load_picture(photo, case.size)
    name, value = case.rate
    chosen: dict[str, Any] = {name: value}
    options = EncodeOptions(effort=case.effort, **chosen)
    reports = [
        encoding.encode_with_report(image, options, device="cpu", threads=arguments.threads).report
        for _ in range(arguments.rounds)
    ]
    return {
        "width": image.shape[1],
        "height": image.shape[0],
        "seconds": find_spread([report.seconds for report in reports]),
        **{key: getattr(reports[-1], key) for key in _KEYS},
    }


if __name__ == "__main__":
    sys.exit(main())
