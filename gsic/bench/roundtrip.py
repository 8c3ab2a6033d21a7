"""One image to a `.gsi` file on disk and back, the way back in a process of its own."""

import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic import decoding, encoding, images, metrics
from gsic.bench.progress import Progress
from gsic.errors import GsicError
from gsic.files import write_bytes_atomically
from gsic.options import EncodeOptions
from gsic.pixels import to_comparable

# What the encoder says it reached and what a decoder gets may differ by float summation alone.
CLAIM_TOLERANCE_DB = 1e-5
DECODE_SECONDS = 600
STAGES = ("entropy_ms", "dequantise_ms", "render_ms", "total_ms")


class DecodeFailed(GsicError):
    """A file that was just written cannot be decoded in a fresh process."""


class Encoded(NamedTuple):
    """What the encoder says, and how long it took with compilation not counted."""

    report: dict[str, Any]
    seconds: float


def encode_to(
    path: Path,
    image: NDArray[np.uint8],
    options: EncodeOptions,
    device: str,
    threads: int | None,
    progress: Progress | None = None,
) -> Encoded:
    """Encode an image into a file, without an ICC profile: no other codec gets one either.

    Args:
        path: the file to write.
        image: uint8 (H, W) or (H, W, 2..4).
        options, device, threads, progress: as for `encoding.encode_with_report`.

    Raises:
        GsicError: what the codec raises.
    """
    start = time.perf_counter()
    encoded = encoding.encode_with_report(
        image,
        options,
        init=None,
        icc=None,
        device=device,
        threads=threads,
        progress=progress,
    )
    seconds = time.perf_counter() - start
    write_bytes_atomically(path, encoded.data)
    return Encoded(encoded.report.to_json(), seconds - encoded.report.compile_seconds)


def decode_fresh(path: Path, device: str, threads: int | None) -> NDArray[np.uint8]:
    """Decode a file in a new interpreter that is given its bytes and nothing else.

    Nothing of the encoder's state can reach the result, and a run that is killed leaves nothing.

    Raises:
        DecodeFailed: the process fails, hangs or writes no image.
    """
    command = [sys.executable, "-m", "gsic", "decode", "-", "-", "--quiet", "--device", device]
    command += ["--threads", str(threads)] if threads else []
    # Python would look for modules in the folder of the caller first.
    root = os.path.abspath(os.sep)
    try:
        done = subprocess.run(
            command, cwd=root, input=path.read_bytes(), capture_output=True, timeout=DECODE_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise DecodeFailed(f"no image after {DECODE_SECONDS} s in a fresh process") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DecodeFailed(
            f"decoding in a fresh process exits {done.returncode}: "
            f"{said[-1] if said else 'nothing on stderr'}"
        )
    return images.load(done.stdout).image


def decode_here(data: bytes, device: str) -> dict[str, Any]:
    """Decode the whole image in this process with one thread; what the decoder reports."""
    report: dict[str, Any] = decoding.decode_with_report(
        data, scale=1.0, region=None, device=device, threads=1, limits=None
    ).report.to_json()
    return report


def time_decodes(data: bytes, device: str, runs: int = 7) -> dict[str, float]:
    """Time each stage of decoding in this process with one thread: median milliseconds.

    Args:
        data: a `.gsi` file.
        device: as for `decoding.decode_with_report`.
        runs: decodes that count; one before them does not, it may compile or load kernels.

    Returns:
        Medians of the stages by the name in `decode --json`.
    """
    decode_here(data, device)
    reports = [decode_here(data, device) for _ in range(runs)]
    return {stage: statistics.median(report[stage] for report in reports) for stage in STAGES}


class Quality(NamedTuple):
    """PSNR in dB, infinite when equal; MS-SSIM and SSIMULACRA2, None where they do not apply."""

    psnr: float
    ms_ssim: float | None
    ssimulacra2: float | None


def measure_quality(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> Quality:
    """Measure a decoded image by all three measures of quality.

    Raises:
        DecodeFailed: the decoded image has another shape.
    """
    if original.shape != decoded.shape:
        raise DecodeFailed(f"decoded shape {decoded.shape}, original {original.shape}")
    pair = to_comparable(original), to_comparable(decoded)
    score = metrics.ssimulacra2(original, decoded)
    return Quality(metrics.psnr(*pair), metrics.ms_ssim(*pair), score)


def check_claim(claimed: float | None, decoded: float) -> str | None:
    """Say what is wrong where the decoded file has not the PSNR that the encoder reported."""
    if claimed is None:  # JSON has no infinity: null is an exact image
        return None if math.isinf(decoded) else f"encoder claims exact, decoded {decoded:.5f} dB"
    if abs(claimed - decoded) <= CLAIM_TOLERANCE_DB:
        return None
    return f"encoder claims {claimed:.5f} dB, the decoded file has {decoded:.5f} dB"
