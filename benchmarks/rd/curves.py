"""Rate-distortion curves of the other codecs on a folder of images.

    python -m benchmarks.rd.curves FOLDER NAME [--codecs ...] [--images ...] [--every N]
                                   [--up-to BPP]

Writes rd-NAME-curves.csv, a row for every image, codec and setting with PSNR, MS-SSIM and
SSIMULACRA2, up to the first setting above --up-to, and rd-NAME-curves.json with what each codec is.
A stopped run goes on where it stopped, measures rows again that lack SSIMULACRA2, and adds codecs
to those that are there; delete the files to measure all again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gsic import images, metrics
from gsic.bench import machine
from gsic.bench.codecs.base import Baseline
from gsic.bench.codecs.registry import BASELINES
from gsic.bench.rows import Row, read, to_csv
from gsic.files import write_bytes_atomically

# Rows of gsic end at 0.5 bpp; JPEG needs about twice the bits for the same PSNR.
UP_TO = 1.1
COLUMNS = ("image", "codec", "setting", "bytes", "bpp", "psnr", "ms_ssim", "ssimulacra2")
CODECS = (
    *("jpeg", "jpeg2000", "webp", "avif", "avif-iq", "avif-444-s4", "avif-444-iq-s4"),
    *("jxl", "heic", "mozjpeg"),
)


# Whether rows can have an SSIMULACRA2: those without one are then measured again.
_SCORED = find_spec("ssimulacra2") is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", help="of the curves, for example kodak")
    parser.add_argument("--codecs", default=",".join(CODECS), help="comma-separated")
    parser.add_argument("--images", help="names without suffix, comma-separated; default: all")
    parser.add_argument("--every", type=int, default=1, help="only every Nth setting of a ladder")
    parser.add_argument("--up-to", type=float, default=UP_TO, help="bits per pixel")
    parser.add_argument("--results", type=Path, default=Path("build/rd"))
    arguments = parser.parse_args()
    codecs = [BASELINES[name] for name in arguments.codecs.split(",")]
    for codec in codecs:
        if missing := codec.missing():
            raise SystemExit(f"{codec.name} cannot be measured: {missing}")
    arguments.results.mkdir(parents=True, exist_ok=True)
    path = arguments.results / f"rd-{arguments.name}-curves.csv"
    rows = {row.key: row for row in read(path)}
    wanted = arguments.images.split(",") if arguments.images else None
    for image in sorted(arguments.folder.glob("*.png")):
        if wanted is not None and image.stem not in wanted:
            continue
        for codec in codecs:
            for row in measure(image, codec, arguments.every, arguments.up_to, rows):
                rows[row.key] = row
            ordered = sorted(rows.values(), key=sort_key)
            write_bytes_atomically(path, to_csv(ordered, COLUMNS).encode())
            print(image.name, codec.name, flush=True)
    write_about(path.with_suffix(".json"), describe_command(arguments), codecs)
    return 0


def write_about(path: Path, command: str, codecs: Iterable[Baseline]) -> None:
    """Write what the codecs are; those of an earlier run stay, with the command that ran them."""
    before = json.loads(path.read_text()) if path.exists() else {}
    now = {codec.name: {"title": codec.title, "version": codec.version} for codec in codecs}
    earlier = [said for said in before.get("command", "").split("; ") if said and said != command]
    about = {
        **machine.stamp("; ".join([*earlier, command])),
        "codecs": {**before.get("codecs", {}), **now},
    }
    path.write_text(json.dumps(about, indent=1) + "\n")


def measure(
    path: Path, codec: Baseline, every: int, up_to: float, known: dict[Any, Row]
) -> Iterator[Row]:
    """Measure every Nth setting of one codec by increasing rate; skip known rows."""
    image = images.load(path).image
    height, width = image.shape[:2]
    for setting in codec.ladder[::every]:
        row = Row(path.name, width, height, codec.name, codec.label(setting))
        before = known.get(row.key)
        if before is None or (_SCORED and before.ssimulacra2 is None):
            data = codec.encode(image, setting)
            decoded = codec.decode(data, image.shape[2])
            row = Row(
                *(path.name, width, height, codec.name, codec.label(setting)),
                bytes=len(data),
                bpp=8 * len(data) / (width * height),
                psnr=metrics.psnr(image, decoded),
                ms_ssim=metrics.ms_ssim(image, decoded),
                ssimulacra2=metrics.ssimulacra2(image, decoded),
            )
            yield row
        if (known.get(row.key, row).bpp or 0.0) > up_to:
            break


def sort_key(row: Row) -> tuple[str, int, float]:
    """Order rows in the file by image, codec and setting."""
    return row.image, list(BASELINES).index(row.codec), float(row.setting.partition("=")[2])


def describe_command(arguments: argparse.Namespace) -> str:
    """Write the command line without folders of this machine."""
    given = [f"python -m benchmarks.rd.curves {arguments.folder.name} {arguments.name}"]
    given += [f"--codecs {arguments.codecs}"] if arguments.codecs != ",".join(CODECS) else []
    given += [f"--images {arguments.images}"] if arguments.images else []
    given += [f"--every {arguments.every}"] if arguments.every != 1 else []
    given += [f"--up-to {arguments.up_to:g}"] if arguments.up_to != UP_TO else []
    return " ".join(given)


if __name__ == "__main__":
    sys.exit(main())
