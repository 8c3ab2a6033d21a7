"""Measure the files of the gallery; files and measurements are kept in a folder for re-runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import gsic
from benchmarks.gallery.codecs import Bytes, Coded, encode_other, encode_ours, enlarge
from benchmarks.gallery.sources import ILLUSTRATION, PHOTO, Source
from gsic import images, metrics
from gsic.bench.codecs.registry import BASELINES
from gsic.files import write_bytes_atomically

SIZES = (1000, 2500, 5000, 15000)
OURS = "gsic"
# The codecs of each kind of picture by their names in `gsic bench`: what an engineer would choose,
# and AVIF tuned for PSNR as well. The first two are drawn beside ours.
OTHERS = {
    PHOTO: ("avif-iq", "webp", "avif"),
    ILLUSTRATION: ("avif-444-iq-s4", "webp", "avif-444-s4"),
}


class GalleryRow(NamedTuple):
    """One file of the gallery.

    Attributes:
        image: name of the source.
        size: the size that was asked for, bytes.
        codec: OURS or a name of `gsic bench`.
        bytes: size of the file; None where the codec cannot be that small.
        psnr: of the full image, dB.
        ssimulacra2: of the full image.
        factor: by which the image was reduced first.
    """

    image: str
    size: int
    codec: str
    bytes: int | None
    psnr: float | None
    ssimulacra2: float | None
    factor: int


class Shown(NamedTuple):
    """A row and the decoded image, uint8 (H, W, 3); None where there is no file."""

    row: GalleryRow
    image: Bytes | None


def measure(source: Source, path: Path, cache: Path, threads: int | None) -> Iterator[Shown]:
    """Encode, decode and measure one source at every size by every codec."""
    original = images.load(path).image
    for size in SIZES:
        for codec in (OURS, *OTHERS[source.kind]):
            yield measure_file(source, original, size, codec, cache, threads)


def measure_file(
    source: Source, original: Bytes, size: int, codec: str, cache: Path, threads: int | None
) -> Shown:
    """Measure one file; what the cache has of it is not made again."""
    suffix = ".gsi" if codec == OURS else BASELINES[codec].suffix
    stem = f"{source.name}-{size}" if codec == OURS else f"{source.name}-{size}-{codec}"
    path, notes = cache / f"{stem}{suffix}", cache / f"{stem}.json"
    if notes.exists():
        row = GalleryRow(**json.loads(notes.read_text(encoding="utf-8")))
        image = decode(row, path.read_bytes(), original) if row.bytes is not None else None
        return Shown(row, image)
    coded = make_file(original, size, codec, path, threads)
    if coded is None:
        row = GalleryRow(source.name, size, codec, None, None, None, 1)
    else:
        row = GalleryRow(
            *(source.name, size, codec, len(coded.data)),
            psnr=metrics.psnr(original, coded.image),
            ssimulacra2=metrics.ssimulacra2(original, coded.image),
            factor=coded.factor,
        )
        write_bytes_atomically(path, coded.data)
    write_bytes_atomically(notes, json.dumps(row._asdict()).encode())
    return Shown(row, None if coded is None else coded.image)


def make_file(
    original: Bytes, size: int, codec: str, path: Path, threads: int | None
) -> Coded | None:
    """Make one file; None where the codec cannot be that small. A .gsi file at `path` is kept."""
    if codec != OURS:
        return encode_other(BASELINES[codec], original, size)
    data = path.read_bytes() if path.exists() else encode_ours(original, size, threads)
    return Coded(data, gsic.decode(data, threads=threads))


def decode(row: GalleryRow, data: bytes, original: Bytes) -> Bytes:
    """Decode a file of the cache to the size of the original."""
    if row.codec == OURS:
        return gsic.decode(data)
    image: Bytes = np.asarray(BASELINES[row.codec].decode(data, 3))
    return image if row.factor == 1 else enlarge(image, original.shape[:2])
