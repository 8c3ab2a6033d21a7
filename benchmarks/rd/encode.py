"""Rate and distortion of one configuration of the encoder on a folder of images.

    python -m benchmarks.rd.encode FOLDER NAME [--bpp ... | --max-bytes ...] [--effort E] [--tune T]
                                   [--seed S] [--set KEY=VALUE ...] [--images ...] [--files DIR]

Writes rd-NAME.json: a row for each image and rate or size, with PSNR, MS-SSIM and SSIMULACRA2 of
the decoded file and the bits of each attribute of the Gaussians. A stopped run of the same options
goes on where it stopped. With `--files` the coded files are kept in DIR with the encoder's reports,
and a file that is there already is measured and not encoded again; rows of an earlier run that lack
SSIMULACRA2 get it from their kept file.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks.rd.compare import key, load, show
from gsic import container, decoding, encoding, images
from gsic.bench import machine, roundtrip
from gsic.options import EncodeOptions
from gsic.profiles.gsic.code_lengths import estimate_bits_by_attribute
from gsic.profiles.registry import find_by_name

DECODES = 5
KEYS = ("bytes", "bpp", "psnr", "psnr_float", "ms_ssim", "gaussians", "iterations", "seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", help="of the configuration, for example kodak-effort5")
    goals = parser.add_mutually_exclusive_group()
    goals.add_argument("--bpp", default="0.1,0.2,0.3,0.5")
    goals.add_argument("--max-bytes", help="comma-separated, in place of rates")
    parser.add_argument("--effort", type=int, default=5)
    parser.add_argument("--tune", default="psnr")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1, help="images at once; not for timings")
    parser.add_argument("--images", help="names without suffix, comma-separated; default: all")
    parser.add_argument("--files", type=Path, help="folder of the coded files")
    parser.add_argument("--results", type=Path, default=Path("build/rd"))
    arguments = parser.parse_args()
    for folder in (arguments.results, arguments.files):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    measure(arguments)
    return 0


def measure(arguments: argparse.Namespace) -> None:
    """Encode every image at every rate."""
    options = {
        "effort": arguments.effort,
        "tune": arguments.tune,
        "seed": arguments.seed,
        "settings": dict(pair.split("=", 1) for pair in arguments.set),
    }
    target = arguments.results / f"rd-{arguments.name}.json"
    rows: list[dict[str, Any]] = []
    if target.exists() and (before := load(target))["options"] == options:
        rows = [add_score(row, arguments) for row in before["rows"]]
        target.write_text(json.dumps({**before, "rows": rows}, indent=1) + "\n")
    done = {key(row) for row in rows}
    wanted = arguments.images.split(",") if arguments.images else None
    goal = name_goal(arguments)
    missing = [
        (path, target)
        for path in sorted(arguments.folder.glob("*.png"))
        for target in list_targets(arguments)
        if (wanted is None or path.stem in wanted) and (path.stem, target) not in done
    ]
    # Numba's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, mp_context=context) as pool:
        finished = as_completed(
            pool.submit(
                measure_file, path, goal, target, options, arguments.threads, arguments.files
            )
            for path, target in missing
        )
        for future in finished:
            rows = sorted([*rows, future.result()], key=key)
            result = {
                **machine.stamp(describe_command(arguments)),
                "name": arguments.name,
                "options": options,
                "threads": arguments.threads,
                "rows": rows,
            }
            target.write_text(json.dumps(result, indent=1) + "\n")
            row = future.result()
            print(*key(row), {name: row[name] for name in ("psnr", "seconds")}, flush=True)
    show([load(target)])


def name_goal(arguments: argparse.Namespace) -> str:
    """Name what is asked of the encoder."""
    return "max_bytes" if arguments.max_bytes else "bpp"


def list_targets(arguments: argparse.Namespace) -> list[float]:
    """List the rates, or the numbers of bytes, that are asked for."""
    convert = int if arguments.max_bytes else float
    return [convert(text) for text in getattr(arguments, name_goal(arguments)).split(",")]


def add_score(row: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Add SSIMULACRA2 to a row that lacks it, if its file is kept."""
    if row.get("ssimulacra2") is not None or arguments.files is None:
        return row
    kept = kept_file(arguments.files, row["image"], name_goal(arguments), row["target"])
    if not kept.exists():
        return row
    data = kept.read_bytes()
    original = images.load(arguments.folder / f"{row['image']}.png").image
    decoded = decoding.decode_with_report(data, device="cpu", threads=1).image
    measured = roundtrip.measure_quality(original, decoded)
    broken = roundtrip.check_claim(row["psnr"], measured.psnr)
    if broken or len(data) != row["bytes"]:
        raise SystemExit(f"{kept.name} is not the file of its row: {broken or len(data)}")
    return row | {"ssimulacra2": measured.ssimulacra2}


def kept_file(files: Path, image: str, goal: str, target: float) -> Path:
    """Name the kept file of an image at a rate or size."""
    return files / f"{image}-{goal}-{target:g}.gsi"


def describe_command(arguments: argparse.Namespace) -> str:
    """Write the command line without folders of this machine."""
    given = ["python -m benchmarks.rd.encode", arguments.folder.name, arguments.name]
    sizes = arguments.max_bytes
    given += [f"--max-bytes {sizes}" if sizes else f"--bpp {arguments.bpp}"]
    given += [f"--effort {arguments.effort} --tune {arguments.tune}"]
    given += [f"--seed {arguments.seed}"]
    given += [f"--set {pair}" for pair in arguments.set]
    given += [f"--images {arguments.images}"] if arguments.images else []
    return " ".join([*given, f"--threads {arguments.threads} --jobs {arguments.jobs}"])


def measure_file(
    path: Path, goal: str, target: float, options: dict[str, Any], threads: int, files: Path | None
) -> dict[str, Any]:
    """Measure one file, which is encoded unless it is among the kept files."""
    image = images.load(path).image
    kept = None if files is None else kept_file(files, path.stem, goal, target)
    if kept is not None and kept.exists():
        data, report = kept.read_bytes(), load(kept.with_suffix(".json"))
    else:
        asked = EncodeOptions(**{goal: target}, **options)
        encoded = encoding.encode_with_report(image, asked, threads=threads)
        data, report = encoded.data, encoded.report.to_json()
        if kept is not None:
            kept.with_suffix(".json").write_text(json.dumps(report))
            kept.write_bytes(data)
    decodes = [
        decoding.decode_with_report(data, device="cpu", threads=1) for _ in range(DECODES + 1)
    ]
    measured = roundtrip.measure_quality(image, decodes[0].image)
    if broken := roundtrip.check_claim(report["psnr"], measured.psnr):
        raise SystemExit(f"{path.name} at {goal}={target}: {broken}")
    row = {"image": path.stem, "target": target} | {key: report[key] for key in KEYS}
    row["ssimulacra2"] = measured.ssimulacra2
    row["decode_ms"] = statistics.median(decode.report.total_ms for decode in decodes[1:])
    return row | {"bits": count_bits(data)}


def count_bits(data: bytes) -> dict[str, float]:
    """Estimate the bits of each attribute; they add up to the payload within a percent."""
    file = container.read(data)
    header, symbols = find_by_name("gsic").read(file)
    bits = estimate_bits_by_attribute(header, symbols)
    bits["header"] = 8.0 * (len(data) - len(file.payload))
    return {name: round(value, 1) for name, value in bits.items()}


if __name__ == "__main__":
    sys.exit(main())
