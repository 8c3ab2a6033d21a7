"""Milliseconds of decoding from bytes in memory to 8-bit pixels, beside four other decoders.

    GSIC_DATA=FOLDER python -m benchmarks.speed.decode FILES

FOLDER/kodak has the photographs. Every decoder takes one turn per round on files of the same
pictures and of about the same size, one thread each, ours with two threads as well. Files are kept
in the folder FILES, and what is there is not encoded again. The paths of other instruction sets
are measured in processes of their own, on pictures of 768x512 at most. Writes speed-decode.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.ceiling import measure_ceiling
from benchmarks.speed.paths import describe_native, list_paths, make_environment
from benchmarks.speed.pictures import CASES, PHOTO, Case, find_photos, keep_file, load_picture
from benchmarks.speed.rivals import keep_rivals
from benchmarks.speed.turns import find_ratio, find_spread, take_turns
from gsic import api as codec
from gsic import decoding
from gsic.bench import machine

THREADS = (1, 2)
# Rounds of a picture of 768x512; others have as many as take as long, within these bounds.
_LEAST_ROUNDS = 5
_MANY = 100


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, help="folder of encoded files")
    parser.add_argument("--rounds", type=int, default=40, help="of each picture of 768x512")
    parser.add_argument("--cases", default=",".join(case.name for case in CASES))
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    parser.add_argument("--path", default="native", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    photos, names = find_photos(), arguments.cases.split(",")
    cases = [case for case in CASES if case.name in names]
    if arguments.path != "native":
        print(json.dumps(measure_cases(cases, photos, arguments)))
        return 0
    result = {
        **machine.stamp("python -m benchmarks.speed.decode FILES"),
        "load": [os.getloadavg()[0]],
        "rounds": arguments.rounds,
        "instructions": describe_native(),
        "ceiling": measure_ceiling(max(THREADS), arguments.rounds),
        "rows": measure_cases(cases, photos, arguments),
        "many": measure_many(cases, photos, arguments),
    }
    small = [case.name for case in cases if case.size[0] <= PHOTO[0]]
    for path in list_paths()[1:]:
        result["rows"] += measure_elsewhere(path, small, arguments)
    result["load"].append(os.getloadavg()[0])
    text = json.dumps(result, indent=1)
    (arguments.results / "speed-decode.json").write_text(text + "\n")
    return 0


def measure_cases(
    cases: list[Case], photos: Path, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Measure the pictures of all cases; a row for each decoder and number of threads."""
    rows = []
    for case in cases:
        for photo in case.photos:
            image = load_picture(photos / f"{photo}.png", case.size)
            found = measure_picture(case, photos / f"{photo}.png", image, arguments)
            rows += [{"path": arguments.path, "case": case.name, "image": photo} | r for r in found]
            print(json.dumps(rows[-len(found)]), file=sys.stderr, flush=True)
    return rows


def measure_picture(
    case: Case, photo: Path, image: NDArray[np.uint8], arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Let all decoders of one picture take turns."""
    kept = keep_file(case, photo.stem, image, arguments.files)
    rivals = keep_rivals(case, photo, image, len(kept.data), arguments.files)
    height, width, _ = image.shape
    pixels = width * height
    shared = {"width": width, "height": height}
    stages: dict[int, list[dict[str, float]]] = {threads: [] for threads in THREADS}

    def decode(threads: int) -> None:
        stages[threads].append(time_stages(kept.data, threads))

    tasks: dict[str, Any] = {f"gsic {threads}": partial(decode, threads) for threads in THREADS}
    tasks |= {rival.name: rival.decode for rival in rivals}
    rounds = max(_LEAST_ROUNDS, round(arguments.rounds * min(1.0, PHOTO[0] * PHOTO[1] / pixels)))
    spent = take_turns(tasks, rounds)
    rows: list[dict[str, Any]] = []
    for threads in THREADS:
        ours = [found["total"] for found in stages[threads][1:]]
        rows.append(
            {
                **shared,
                "decoder": "gsic",
                "threads": threads,
                "bytes": len(kept.data),
                "gaussians": kept.gaussians,
                "ms": find_spread(ours),
                "stages_ms": find_medians(stages[threads][1:]),
                "over": {rival.name: find_ratio(ours, spent[rival.name]) for rival in rivals},
            }
        )
    for rival in rivals:
        rows.append(
            {
                **shared,
                "decoder": rival.name,
                "threads": 1,
                "bytes": len(rival.data),
                "ms": find_spread(spent[rival.name]),
            }
        )
    return rows


def time_stages(data: bytes, threads: int) -> dict[str, float]:
    """Decode once: the ms of each stage, of the glue between them, and of all of it."""
    start = time.perf_counter()
    report = decoding.decode_with_report(data, device="cpu", threads=threads).report.to_json()
    total = 1e3 * (time.perf_counter() - start)
    known = {
        name.removesuffix("_ms"): value
        for name, value in report.items()
        if name.endswith("_ms") and name not in ("total_ms", "compile_ms")
    }
    return {**known, "glue": total - sum(known.values()), "total": total}


def find_medians(reports: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each stage over several decodes."""
    return {
        name: round(float(np.median([report[name] for report in reports])), 4)
        for name in reports[0]
    }


def measure_many(
    cases: list[Case], photos: Path, arguments: argparse.Namespace
) -> dict[str, Any] | None:
    """Time `decode_many` over files of 0.3 bpp in memory; None where that case is left out."""
    case = next((case for case in cases if case.name == "0.3-bpp"), None)
    if case is None:
        return None
    kept = [
        keep_file(case, photo, load_picture(photos / f"{photo}.png", case.size), arguments.files)
        for photo in case.photos
    ]
    files = [file.data for file in itertools.islice(itertools.cycle(kept), _MANY)]

    def decode(threads: int) -> None:
        deque(codec.decode_many(files, device="cpu", threads=threads), maxlen=0)

    tasks = {str(threads): partial(decode, threads) for threads in THREADS}
    spent = take_turns(tasks, max(_LEAST_ROUNDS, arguments.rounds // 8))
    return {
        "files": _MANY,
        "fps": {
            name: find_spread([1e3 * _MANY / ms for ms in values]) for name, values in spent.items()
        },
        "speedup": find_ratio(spent["1"], spent["2"]),
    }


def measure_elsewhere(
    path: str, cases: list[str], arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Measure in a process whose kernels are compiled for another instruction set."""
    command = [sys.executable, "-m", "benchmarks.speed.decode", str(arguments.files)]
    command += ["--path", path, "--cases", ",".join(cases), "--rounds", str(arguments.rounds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=make_environment(path))
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


if __name__ == "__main__":
    sys.exit(main())
