"""Files of other codecs that hold a reduced picture in a few hundred bytes, on a folder of images.

    python -m benchmarks.rd.previews FOLDER NAME [--bytes ...] [--codecs ...] [--images ...]

A codec of pixels that cannot make a picture small enough gets a reduced one. For each image, number
of bytes, codec and factor from 1 to 16: the picture is reduced by the factor (Lanczos), coded at
the highest quality whose file is small enough, and enlarged to the full size (bicubic), where it is
compared with the original. Writes rd-NAME-previews.csv, a row for each of them with PSNR, MS-SSIM
and SSIMULACRA2, and rd-NAME-previews.json with what each codec is. A factor at which no file is
small enough has no row. A stopped run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.rd.curves import write_about
from gsic import images
from gsic.bench import roundtrip
from gsic.bench.codecs.base import Baseline
from gsic.bench.codecs.registry import BASELINES
from gsic.bench.rows import Row, read, to_csv
from gsic.files import write_bytes_atomically

CODECS = ("webp", "avif", "avif-444-s4")
FACTORS = (1, 2, 3, 4, 6, 8, 12, 16)
BYTES = "500,1000,2000"
COLUMNS = (
    *("image", "codec", "matched", "setting", "bytes", "bpp", "psnr", "ms_ssim", "ssimulacra2"),
)

Pixels = NDArray[np.uint8]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", help="of the rows, for example kodak")
    parser.add_argument("--bytes", default=BYTES, help="comma-separated")
    parser.add_argument("--codecs", default=",".join(CODECS), help="comma-separated")
    parser.add_argument("--images", help="names without suffix, comma-separated; default: all")
    parser.add_argument("--results", type=Path, default=Path("build/rd"))
    arguments = parser.parse_args()
    codecs = [BASELINES[name] for name in arguments.codecs.split(",")]
    sizes = [int(size) for size in arguments.bytes.split(",")]
    arguments.results.mkdir(parents=True, exist_ok=True)
    path = arguments.results / f"rd-{arguments.name}-previews.csv"
    rows = {row.key: row for row in read(path)}
    wanted = arguments.images.split(",") if arguments.images else None
    for image in sorted(arguments.folder.glob("*.png")):
        if wanted is not None and image.stem not in wanted:
            continue
        for codec in codecs:
            if not any(key[:2] == (image.name, codec.name) for key in rows):
                rows |= {row.key: row for row in measure(image, codec, sizes)}
                write_bytes_atomically(path, to_csv(rows.values(), COLUMNS).encode())
                print(image.name, codec.name, flush=True)
    write_about(path.with_suffix(".json"), describe_command(arguments), codecs)
    return 0


def measure(path: Path, codec: Baseline, sizes: list[int]) -> Iterator[Row]:
    """Measure the files of one codec on one image, by size and factor."""
    image = images.load(path).image
    height, width = image.shape[:2]
    for size in sizes:
        for factor in FACTORS:
            side = round(width / factor), round(height / factor)
            small = resize(image, side, Image.Resampling.LANCZOS)
            setting = find_setting(codec, small, size)
            if setting is None:
                continue
            data = codec.encode(small, setting)
            decoded = codec.decode(data, image.shape[2])
            shown = resize(decoded, (width, height), Image.Resampling.BICUBIC)
            quality = roundtrip.measure_quality(image, shown)
            yield Row(
                *(path.name, width, height, codec.name, codec.label(setting)),
                matched=name_preview(size, factor),
                bytes=len(data),
                bpp=8 * len(data) / (width * height),
                **quality._asdict(),
            )


def name_preview(size: int, factor: int) -> str:
    """Name the most bytes and the factor of a file, as rows do."""
    return f"bytes={size} factor={factor}"


def find_setting(codec: Baseline, image: Pixels, size: int) -> float | None:
    """Find the highest quality whose file has at most so many bytes; None where none has."""
    low, high = int(codec.ladder[0]), int(codec.top) + 1
    if len(codec.encode(image, low)) > size:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if len(codec.encode(image, middle)) <= size:
            low = middle
        else:
            high = middle
    return low


def resize(image: Pixels, side: tuple[int, int], kernel: Image.Resampling) -> Pixels:
    """Resample an image to a width and height; the image itself where it has that size."""
    if side == image.shape[1::-1]:
        return image
    return np.asarray(Image.fromarray(image).resize(side, kernel))


def describe_command(arguments: argparse.Namespace) -> str:
    """Write the command line without folders of this machine."""
    given = [f"python -m benchmarks.rd.previews {arguments.folder.name} {arguments.name}"]
    given += [f"--bytes {arguments.bytes}"] if arguments.bytes != BYTES else []
    given += [f"--codecs {arguments.codecs}"] if arguments.codecs != ",".join(CODECS) else []
    given += [f"--images {arguments.images}"] if arguments.images else []
    return " ".join(given)


if __name__ == "__main__":
    sys.exit(main())
