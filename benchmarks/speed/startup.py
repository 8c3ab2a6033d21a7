"""Wall seconds of whole commands: with an empty kernel cache, with a warm one, and 24 megapixels.

    GSIC_DATA=FOLDER python -m benchmarks.speed.startup FILES

FOLDER/kodak has the photographs; FILES keeps encoded files, as for `benchmarks.speed.decode`.
Writes speed-startup.json.
"""

from __future__ import annotations

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

from benchmarks.speed.pictures import CASES, PHOTOS, find_photos, keep_file, load_picture
from benchmarks.speed.turns import find_spread
from gsic.bench import machine

GSIC = [sys.executable, "-m", "gsic"]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, help="folder of encoded files")
    parser.add_argument("--runs", type=int, default=10, help="of commands with warm kernels")
    parser.add_argument("--cold-runs", type=int, default=3, help="with an empty kernel cache")
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    arguments = parser.parse_args()

    photo = find_photos() / f"{PHOTOS[0]}.png"
    paths = {}
    for case in CASES:
        if case.name in ("0.3-bpp", "24-megapixels"):
            keep_file(case, photo.stem, load_picture(photo, case.size), arguments.files)
            paths[case.name] = str(arguments.files / f"{photo.stem}-{case.name}.gsi")
    with tempfile.TemporaryDirectory(prefix="gsic-startup-") as folder:
        png, gsi = str(Path(folder, "image.png")), str(Path(folder, "image.gsi"))
        decode = [*GSIC, "decode", paths["0.3-bpp"], png, "--json"]
        decode_large = [*GSIC, "decode", paths["24-megapixels"], png, "--json"]
        encode = [*GSIC, "encode", str(photo), gsi, "--bpp", "0.3", "--effort", "1", "--json"]
        result = {
            **machine.stamp("python -m benchmarks.speed.startup FILES"),
            "load": [os.getloadavg()[0]],
            "image": photo.stem,
            "first_decode": measure_cold(decode, Path(folder), arguments.cold_runs),
            "first_encode": measure_cold(encode, Path(folder), arguments.cold_runs),
            "help": measure_warm([*GSIC, "--help"], arguments.runs),
            "decode": measure_warm(decode, arguments.runs),
            "decode_24_megapixels": measure_warm(decode_large, max(arguments.runs // 3, 1)),
        }
    result["load"].append(os.getloadavg()[0])
    text = json.dumps(result, indent=1)
    print(text)
    (arguments.results / "speed-startup.json").write_text(text + "\n")
    return 0


def measure_cold(command: Sequence[str], folder: Path, runs: int) -> dict[str, Any]:
    """Run a command that finds no kernels, as on a new machine.

    Returns:
        The spreads of the wall seconds, and of the seconds of them that were compilation.
    """
    walls, compiling = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(dir=folder) as cache:
            seconds, said = run(command, {"NUMBA_CACHE_DIR": cache})
        report = json.loads(said)
        walls.append(seconds)
        compiling.append(report.get("compile_seconds", report.get("compile_ms", 0.0) / 1e3))
    return {"seconds": find_spread(walls), "compile_seconds": find_spread(compiling)}


def measure_warm(command: Sequence[str], runs: int) -> dict[str, float]:
    """Run a command, after a run that does not count: the spread of its wall seconds."""
    run(command)
    return find_spread([run(command)[0] for _ in range(runs)])


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> tuple[float, str]:
    """Run a command to its end: wall seconds, and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | (environment or {}),
    )
    return time.perf_counter() - start, done.stdout


if __name__ == "__main__":
    sys.exit(main())
