"""Seconds of encoding, milliseconds of decoding, seconds of whole commands, for one image.

Decoding is timed in this process with one thread, from bytes in memory to 8-bit pixels, in turn
with libjpeg-turbo and OpenJPEG (through Pillow, on files of the same size), so that a busy machine
slows all of them. Writes speed-cpu.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gsic import images
from gsic.bench import machine
from gsic.bench.codecs.registry import BASELINES
from gsic.bench.roundtrip import STAGES, decode_here
from gsic.bench.sweep import Sweep

GSIC = [sys.executable, "-m", "gsic"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("image", type=Path, help="an image of 768x512, for example kodim03.png")
    parser.add_argument("--bpp", type=float, default=0.3)
    parser.add_argument("--threads", type=int, default=2, help="of encoding")
    parser.add_argument("--encodes", type=int, default=3)
    parser.add_argument("--decodes", type=int, default=200)
    parser.add_argument("--runs", type=int, default=10, help="of whole commands")
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    arguments = parser.parse_args()

    image = images.load(arguments.image).image
    with tempfile.TemporaryDirectory(prefix="gsic-speed-") as folder:
        file = Path(folder, "image.gsi")
        encode = encoding(arguments, file)
        data = file.read_bytes()
        result = {
            **machine.stamp(
                f"python -m benchmarks.speed.codec {arguments.image.name} --bpp {arguments.bpp} "
                f"--threads {arguments.threads}"
            ),
            "image": arguments.image.name,
            "width": image.shape[1],
            "height": image.shape[0],
            "bytes": len(data),
            "bpp": 8 * len(data) / (image.shape[0] * image.shape[1]),
            "encode": encode,
            "decode": decoding(data, image, arguments.decodes),
            "commands": commands(file, Path(folder), arguments.runs),
        }
    text = json.dumps(result, indent=1)
    print(text)
    (arguments.results / "speed-cpu.json").write_text(text + "\n")
    return 0


def encoding(arguments: argparse.Namespace, file: Path) -> dict[str, Any]:
    """Whole `gsic encode` processes with warm kernels, and what they report themselves."""
    command = [*GSIC, "encode", str(arguments.image), str(file), "--bpp", str(arguments.bpp)]
    command += ["--threads", str(arguments.threads), "--json"]
    walls, reports = [], []
    for _ in range(arguments.encodes + 1):
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        walls.append(time.perf_counter() - start)
        reports.append(json.loads(done.stdout))
    # The first one may compile the kernels.
    return {
        "threads": arguments.threads,
        "effort": 5,
        "psnr": reports[-1]["psnr"],
        "gaussians": reports[-1]["gaussians"],
        "iterations": reports[-1]["iterations"],
        "seconds": spread([report["seconds"] for report in reports[1:]]),
        "process_seconds": spread(walls[1:]),
    }


def decoding(data: bytes, image: np.ndarray, decodes: int) -> dict[str, Any]:
    """Decoders in turn, each once per round, after a round that does not count."""
    times: dict[str, list[float]] = {stage: [] for stage in STAGES}
    channels = 1 if image.ndim == 2 else image.shape[2]
    others = {}
    for name in ("jpeg", "jpeg2000"):
        sweep = Sweep(BASELINES[name], image)
        sample = sweep.match(len(data))
        if sample is not None:
            others[name] = sweep.baseline.encode(image, sample.setting)
            times[name] = []
    for counts in [False, *[True] * decodes]:
        report = decode_here(data, "cpu")
        if counts:
            for stage in STAGES:
                times[stage].append(report[stage])
        for name, file in others.items():
            start = time.perf_counter()
            BASELINES[name].decode(file, channels)
            if counts:
                times[name].append(1000 * (time.perf_counter() - start))
    total = float(np.median(times["total_ms"]))
    return {
        "threads": 1,
        "decodes": decodes,
        "ms": {name: spread(values) for name, values in times.items()},
        "bytes": {"gsic": len(data), **{name: len(file) for name, file in others.items()}},
        "ratio": {name: total / float(np.median(times[name])) for name in others},
    }


def commands(file: Path, folder: Path, runs: int) -> dict[str, Any]:
    """Wall seconds of whole processes: help, decoding, decoding without compiled kernels."""
    decode = [*GSIC, "decode", str(file), str(folder / "image.png")]
    run(decode)
    result: dict[str, Any] = {
        "help_seconds": spread([run([*GSIC, "--help"])[0] for _ in range(runs)]),
        "decode_seconds": spread([run(decode)[0] for _ in range(runs)]),
    }
    first = []
    for index in range(3):
        # An empty folder for compiled kernels is what a new machine has.
        cache = folder / f"cache-{index}"
        cache.mkdir()
        first.append(run(decode, {"NUMBA_CACHE_DIR": str(cache)}))
    result["first_decode_seconds"] = spread([seconds for seconds, _ in first])
    result["first_decode_says"] = first[0][1]
    return result


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | (environment or {})
    )
    return time.perf_counter() - start, done.stderr.strip()


def spread(values: Sequence[float]) -> dict[str, float]:
    low, median, high = np.percentile(values, [10, 50, 90])
    return {"p10": round(low, 4), "median": round(median, 4), "p90": round(high, 4)}


if __name__ == "__main__":
    sys.exit(main())
