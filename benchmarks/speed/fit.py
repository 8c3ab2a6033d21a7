"""Float fits of a folder of images: PSNR of the unquantised render, a row per image and size.

Writes fit-kodak.csv and fit-kodak.json (command, machine, date, versions, means).
"""

import argparse
import csv
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from gsic import api as codec
from gsic import images
from gsic.bench import folders, machine

COLUMNS = ("image", "gaussians", "iterations", "psnr", "seconds", "seed", "threads", "version")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gaussians", type=int, nargs="+", default=[3000, 5000])
    parser.add_argument("--iterations", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    arguments = parser.parse_args()

    rows = []
    with (arguments.results / "fit-kodak.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for path in folders.list_images(arguments.folder, arguments.limit):
            for count in arguments.gaussians:
                rows.append(fit(path, count, arguments))
                writer.writerow(rows[-1])
                file.flush()
                print(rows[-1], flush=True)
    means = {
        str(count): statistics.fmean(row["psnr"] for row in rows if row["gaussians"] == count)
        for count in arguments.gaussians
    }
    command = (
        f"python -m benchmarks.speed.fit {arguments.folder.resolve().name} "
        f"--gaussians {' '.join(map(str, arguments.gaussians))} "
        f"--iterations {arguments.iterations} --threads {arguments.threads}"
    )
    header = {
        **machine.stamp(command),
        "iterations": arguments.iterations,
        "images": len({row["image"] for row in rows}),
        "mean_psnr": means,
    }
    (arguments.results / "fit-kodak.json").write_text(json.dumps(header, indent=1) + "\n")
    print(means)
    return 0


def fit(path: Path, gaussians: int, arguments: argparse.Namespace) -> dict[str, Any]:
    image = images.load(path).image
    start = time.perf_counter()
    fitted = codec.fit(
        image,
        gaussians=gaussians,
        iterations=arguments.iterations,
        seed=arguments.seed,
        threads=arguments.threads,
    )
    return {
        "image": path.name,
        "gaussians": gaussians,
        "iterations": arguments.iterations,
        "psnr": round(fitted.psnr, 4),
        "seconds": round(time.perf_counter() - start, 2),
        "seed": arguments.seed,
        "threads": arguments.threads,
        "version": machine.gsic_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
