"""Rate-distortion of one configuration of the encoder, and of one against another.

    rd.py run FOLDER NAME [--bpp ...] [--effort E] [--tune T] [--seed S] [--set KEY=VALUE ...]
                          [--images ...]
    rd.py compare NAME NAME ...
    rd.py curves FOLDER NAME [--images ...]

`run` writes NAME.json: a row for each image and rate, with the bits of each attribute of the
Gaussians. A stopped run of the same options goes on where it stopped. `compare` prints what each
configuration saves against the first one, and what it costs in time. `curves` writes NAME.csv, the
curves of the other codecs on the same images.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from gsic import container, decoding, encoding, images, metrics
from gsic.bench import machine
from gsic.bench.baselines import BASELINES, Sweep
from gsic.bench.bdrate import HIGHEST_MEAN_BPP, Point, bd_rate
from gsic.bench.rows import Row, to_csv
from gsic.options import EncodeOptions
from gsic.profiles.gsic.code_lengths import estimate_bits_by_attribute
from gsic.profiles.registry import find_by_name

DECODES = 5
AGAINST = ("jpeg", "jpeg2000", "webp", "avif")
KEYS = ("bytes", "bpp", "psnr", "psnr_float", "ms_ssim", "gaussians", "iterations", "seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="encode images and keep the rows")
    run.add_argument("--bpp", default="0.1,0.2,0.3,0.5")
    run.add_argument("--effort", type=int, default=5)
    run.add_argument("--tune", default="psnr")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    run.add_argument("--threads", type=int, default=2)
    run.add_argument("--jobs", type=int, default=1, help="images at once; not for timings")
    compare = commands.add_parser("compare", help="BD-rates against the first configuration")
    compare.add_argument("names", nargs="+")
    curves = commands.add_parser("curves", help="measure the other codecs")
    for command in (run, curves):
        command.add_argument("folder", type=Path)
        command.add_argument("name", help="of the configuration, or of the curves")
        command.add_argument("--images", help="names without suffix, comma-separated; default: all")
    for command in (run, compare, curves):
        command.add_argument("--results", type=Path, default=Path("build/rd"))
    arguments = parser.parse_args()
    arguments.results.mkdir(parents=True, exist_ok=True)
    if arguments.command == "run":
        measure(arguments)
    elif arguments.command == "curves":
        measure_others(arguments)
    else:
        table([load(arguments.results / f"{name}.json") for name in arguments.names])
    return 0


def measure(arguments: argparse.Namespace) -> None:
    """Encode every image at every rate."""
    paths = paths_of(arguments)
    options = {
        "effort": arguments.effort,
        "tune": arguments.tune,
        "seed": arguments.seed,
        "settings": dict(pair.split("=", 1) for pair in arguments.set),
    }
    target = arguments.results / f"{arguments.name}.json"
    rows: list[dict[str, Any]] = []
    if target.exists() and (before := load(target))["options"] == options:
        rows = before["rows"]
    done = {key(row) for row in rows}
    rates = [float(rate) for rate in arguments.bpp.split(",")]
    missing = [(path, bpp) for path in paths for bpp in rates if (path.stem, bpp) not in done]
    # Numba's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, mp_context=context) as pool:
        finished = as_completed(
            pool.submit(row_of, path, bpp, options, arguments.threads) for path, bpp in missing
        )
        for future in finished:
            rows = sorted([*rows, future.result()], key=key)
            result = {
                **machine.stamp(command_of(arguments)),
                "name": arguments.name,
                "options": options,
                "threads": arguments.threads,
                "rows": rows,
            }
            target.write_text(json.dumps(result, indent=1) + "\n")
            row = future.result()
            print(*key(row), {name: row[name] for name in ("psnr", "seconds")}, flush=True)
    table([load(target)])


def paths_of(arguments: argparse.Namespace) -> list[Path]:
    wanted = arguments.images.split(",") if arguments.images else None
    paths = sorted(arguments.folder.glob("*.png"))
    return [path for path in paths if wanted is None or path.stem in wanted]


def measure_others(arguments: argparse.Namespace) -> None:
    """The ladder of every other codec on every image."""
    rows = []
    for path in paths_of(arguments):
        image = images.load(path).image
        height, width = image.shape[:2]
        for name in AGAINST:
            baseline = BASELINES[name]
            for sample in Sweep(baseline, image).ladder():
                bpp = 8 * sample.bytes / (width * height)
                values = {"bytes": sample.bytes, "bpp": bpp, "psnr": sample.psnr}
                if bpp <= HIGHEST_MEAN_BPP:
                    decoded = baseline.decode(baseline.encode(image, sample.setting), 3)
                    values["ms_ssim"] = metrics.ms_ssim(image, decoded)
                label = baseline.label(sample.setting)
                rows.append(Row(path.name, width, height, name, label, **values))
    text = to_csv(rows, ("image", "codec", "setting", "bytes", "bpp", "psnr", "ms_ssim"))
    (arguments.results / f"{arguments.name}.csv").write_text(text)


def command_of(arguments: argparse.Namespace) -> str:
    """The command line without folders of this machine."""
    given = ["python benchmarks/rd.py run", arguments.folder.name, arguments.name]
    given += [f"--bpp {arguments.bpp} --effort {arguments.effort} --tune {arguments.tune}"]
    given += [f"--seed {arguments.seed}"]
    given += [f"--set {pair}" for pair in arguments.set]
    given += [f"--images {arguments.images}"] if arguments.images else []
    return " ".join([*given, f"--threads {arguments.threads} --jobs {arguments.jobs}"])


def row_of(path: Path, bpp: float, options: dict[str, Any], threads: int) -> dict[str, Any]:
    """What one file is like."""
    image = images.load(path).image
    encoded = encoding.encode_with_report(image, EncodeOptions(bpp=bpp, **options), threads=threads)
    times = [
        decoding.decode_with_report(encoded.data, device="cpu", threads=1).report.total_ms
        for _ in range(DECODES + 1)
    ]
    row = {"image": path.stem, "target": bpp} | {key: getattr(encoded.report, key) for key in KEYS}
    row["decode_ms"] = statistics.median(times[1:])
    return row | {"bits": bits_of(encoded.data)}


def bits_of(data: bytes) -> dict[str, float]:
    """Bits of a file by attribute: estimates that add up to the payload within a percent."""
    file = container.read(data)
    header, symbols = find_by_name("gsic").read(file)
    bits = estimate_bits_by_attribute(header, symbols)
    bits["header"] = 8.0 * (len(data) - len(file.payload))
    return {name: round(value, 1) for name, value in bits.items()}


def load(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def table(results: list[dict[str, Any]]) -> None:
    """Print a line for each configuration, over the images and rates that all of them have."""
    common = set.intersection(*({key(row) for row in result["rows"]} for result in results))
    kept = [[row for row in result["rows"] if key(row) in common] for result in results]
    rates = sorted({bpp for _, bpp in common})
    print(f"{len({image for image, _ in common})} images at {rates} bpp")
    for result, rows in zip(results, kept, strict=True):
        saved = bd_rate(curve(kept[0]), curve(rows))
        percent = f"{saved.percent:+6.2f} %" if saved else "-"
        each = [bd_rate(of_image(kept[0], i), of_image(rows, i)) for i in sorted_images(rows)]
        mean = statistics.fmean(b.percent for b in each if b) if any(each) else float("nan")
        seconds = total(rows, "seconds") / total(kept[0], "seconds")
        decode = total(rows, "decode_ms") / total(kept[0], "decode_ms")
        points = "  ".join(f"{bpp:.4f} {psnr:.3f}" for bpp, psnr in curve(rows))
        print(
            f"{result['name']:24} BD-rate {percent} (mean of images {mean:+.2f} %)  "
            f"encode x{seconds:.2f} decode x{decode:.2f}  {points}"
        )
        share: dict[str, float] = defaultdict(float)
        for row in rows:
            for name, bits in row["bits"].items():
                share[name] += bits / row["gaussians"] / len(rows) if row["gaussians"] else 0.0
        print("   bits per Gaussian:", {name: round(bits, 2) for name, bits in share.items()})


def key(row: dict[str, Any]) -> tuple[str, float]:
    return row["image"], row["target"]


def sorted_images(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted({row["image"] for row in rows})


def of_image(rows: Iterable[dict[str, Any]], image: str) -> list[Point]:
    return [(row["bpp"], row["psnr"]) for row in rows if row["image"] == image]


def curve(rows: list[dict[str, Any]]) -> list[Point]:
    """Mean rate and mean PSNR of each target."""
    points = []
    for target in sorted({row["target"] for row in rows}):
        at = [row for row in rows if row["target"] == target]
        points.append((total(at, "bpp") / len(at), total(at, "psnr") / len(at)))
    return points


def total(rows: Iterable[dict[str, Any]], name: str) -> float:
    return sum(float(row[name]) for row in rows)


if __name__ == "__main__":
    sys.exit(main())
