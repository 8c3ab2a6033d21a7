"""Peak memory of the commands `gsic encode` and `gsic decode`. Writes memory.json.

The large image is a photo tiled, every other tile mirrored, to 6000x4000 on the fly.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

GSIC = [sys.executable, "-m", "gsic"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("image", type=Path, help="an image of 768x512, for example kodim03.png")
    parser.add_argument("--bpp", default="0.3")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--large-effort", default="1", help="steps do not change the peak")
    parser.add_argument("--skip-large", action="store_true")
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    parser.add_argument("--tile", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.tile:
        tile(arguments.image, arguments.tile)
        return 0

    rows = []
    with tempfile.TemporaryDirectory(prefix="gsic-memory-") as folder:
        cases = [(str(arguments.image), "5")]
        if not arguments.skip_large:
            large = str(Path(folder, "large.png"))
            # In a process of its own: the system counts what this one ever held for its children.
            module = ["-m", "benchmarks.speed.memory"]
            again = [sys.executable, *module, str(arguments.image), "--tile", large]
            subprocess.run(again, check=True)
            cases.append((large, arguments.large_effort))
        file, png = str(Path(folder, "image.gsi")), str(Path(folder, "image.png"))
        for image, effort in cases:
            common = ["--threads", arguments.threads, "--device", "cpu", "--json"]
            encode = ["encode", image, file, "--bpp", arguments.bpp, "--effort", effort]
            for command in ([*encode, *common], ["decode", file, png, *common]):
                report, seconds, peak = measured([*GSIC, *command])
                rows.append(
                    {
                        "task": command[0],
                        "gaussians": report["gaussians"],
                        "effort": int(effort),
                        "threads": int(arguments.threads),
                        "seconds": round(seconds, 2),
                        "peak_mib": round(peak / 2**20, 1),
                    }
                )
            # Only the decoder tells the size of the image.
            for row in rows[-2:]:
                row |= {"width": report["width"], "height": report["height"]}
                print(row, flush=True)

    from gsic.bench import machine

    made_by = f"python -m benchmarks.speed.memory {arguments.image.name} --bpp {arguments.bpp}"
    result = {**machine.stamp(made_by), "bpp": float(arguments.bpp), "rows": rows}
    (arguments.results / "memory.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0


def measured(command: list[str]) -> tuple[dict[str, Any], float, int]:
    """Run a command: its JSON from stdout, wall seconds, peak resident bytes."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} exits {process.returncode}")
    # Kilobytes on Linux and the BSDs, bytes on macOS.
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return json.loads(said), time.perf_counter() - start, peak


def tile(source: Path, target: Path) -> None:
    """Write an image of the size `LARGE` made of mirrored copies of another."""
    from benchmarks.speed.pictures import LARGE, load_picture
    from gsic import images

    images.save(target, load_picture(source, LARGE))


if __name__ == "__main__":
    sys.exit(main())
