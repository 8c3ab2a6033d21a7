"""Rate-distortion of gsic beside JPEG, JPEG 2000, WebP and AVIF on the 24 Kodak images.

Runs `gsic bench` and writes the rows that are committed: kodak-default.csv (our files and the files
of the other codecs matched to them), kodak-default-curves.csv (the other codecs' whole curves) and
kodak-default.json (command, machine, date, versions and what follows from the rows).
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from gsic.bench.bdrate import bd_rate
from gsic.bench.rows import COLUMNS, Row, to_csv
from gsic.bench.summary import GSIC, complete_images, mean_curve

# GaussianImage (ECCV 2024), figure 4, read off: mean bpp and PSNR of the Kodak images.
GAUSSIAN_IMAGE = [
    *[(0.12, 24.65), (0.15, 25.05), (0.43, 27.38), (0.715, 28.7), (1.0, 29.63), (1.285, 30.48)],
]
CODECS = "jpeg,jpeg2000,webp,avif"
CURVE_COLUMNS = ("image", "codec", "setting", "bytes", "bpp", "psnr", "encode_s", "version")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="folder of kodim01.png to kodim24.png")
    parser.add_argument("--bpp", default="0.1,0.2,0.3,0.5")
    parser.add_argument("--effort", default="5")
    parser.add_argument("--threads", help="default: all cores")
    parser.add_argument("--limit", help="at most so many images")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("build/kodak"),
        help="a stopped run of the same code in this folder is continued",
    )
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--name", default="kodak-default", help="of the files written")
    arguments = parser.parse_args()

    arguments.work.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "gsic", "bench", str(arguments.folder)]
    command += ["--bpp", arguments.bpp, "--effort", arguments.effort, "--compare", CODECS]
    command += ["--output", str(arguments.work)]
    command += ["--threads", arguments.threads] if arguments.threads else []
    command += ["--limit", arguments.limit] if arguments.limit else []
    code = subprocess.run(command).returncode
    if code not in (0, 1):
        return code
    result = json.loads((arguments.work / "results.json").read_text())
    write(result, arguments.results, arguments.name)
    return code


def write(result: dict[str, Any], folder: Path, name: str) -> None:
    """Write the committed files from a results.json of `gsic bench`."""
    rows = [Row(**row) for row in result.pop("rows")]
    files = [row for row in rows if row.codec == GSIC or row.matched]
    used = [c for c in COLUMNS if any(getattr(row, c) is not None for row in files)]
    (folder / f"{name}.csv").write_text(to_csv(files, used))
    curves = [row for row in rows if row.codec != GSIC and row.matched is None]
    (folder / f"{name}-curves.csv").write_text(to_csv(curves, CURVE_COLUMNS))
    ours = mean_curve(rows, GSIC, complete_images(rows))
    literature = bd_rate(GAUSSIAN_IMAGE, ours)
    result["bd_rate"]["gaussianimage"] = None if literature is None else literature._asdict()
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"BD-rate against the GaussianImage points: {literature}")
    for rate in result["rates"]:
        jpeg = rate["against"].get("jpeg")
        advantage = "-" if jpeg is None else f"{jpeg['difference']:+.2f} dB on {jpeg['images']}"
        print(f"{rate['setting']}: against JPEG at each image's own rate {advantage} images")


if __name__ == "__main__":
    sys.exit(main())
