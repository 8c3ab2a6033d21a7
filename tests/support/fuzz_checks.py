"""Cases of the fuzz run, each made from a seed and a number alone, and what must hold for a case.

Reading a file, by `gsic.info`, `gsic.decode` and the command line, ends in an image or in one of
the declared errors; it takes time and memory in proportion to the file and to the pixels that the
limits allow; `info` takes what `decode` takes; and the decoder of the tests, which was written from
FORMAT.md alone, sees the same symbols and pixels.
"""

import contextlib
import io
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import format_decoder
import format_gsic
import fuzz_files
import fuzz_scenes
import numpy as np

import gsic
from gsic import cli, container
from gsic.errors import FormatError, LimitError
from gsic.options import Limits, scale_size
from gsic.profiles import registry
from gsic.profiles.gsic.symbols import MARGIN_PX
from gsic_kernels.constants import PLACE_BITS

FOLDER = Path(__file__).parents[1] / "golden" / "v1"
GOLDEN = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.gsi"))}

SCALES = (1e-9, 0.01, 0.1, 0.3, 0.5, 0.99, 1.01, 1.5, 2.0, 3.7, 10.0, 100.0, 1e4, 1e6, 1e12)

# Most work of the independent decoder: pixels times Gaussians.
_MOST_COMPARED = 300_000


@dataclass(frozen=True)
class Case:
    """A file and how it is read.

    Args:
        name: of the golden file that it was made from, and how.
        data: the file.
        scale: of the output.
        region: corner and size of a region as shares of the output; None for all of it.
        limits: what the decoder accepts.
        compared: whether the independent decoder reads it too.
        shell: whether the command line reads it too.
    """

    name: str
    data: bytes
    scale: float
    region: tuple[float, float, float, float] | None
    limits: Limits
    compared: bool
    shell: bool


@dataclass(frozen=True)
class Outcome:
    """What happened to a case.

    Args:
        result: "decoded", or the name of the error.
        seconds: CPU time of `info` and `decode` together.
        megabytes: by how much the memory of the process grew meanwhile, at most.
        pixels: of the image or of its output, whichever are more; 0 if the file was not read.
        finding: what must not happen, and did; None in a good case.
    """

    result: str
    seconds: float
    megabytes: float
    pixels: int
    finding: str | None


def make_case(seed: int, index: int) -> Case:
    """Make a case; the same numbers give the same case everywhere."""
    rng = Random(f"{seed}/{index}")
    name = rng.choice(list(GOLDEN))
    data, changes = GOLDEN[name], [name]
    if rng.random() < 0.45:
        data = fuzz_scenes.rewrite(rng, data)
        changes.append("symbols")
    # A file whose symbols were changed is sound, and mostly stays so.
    count = rng.choices((0, 1, 2, 3), (8, 1, 1, 0) if len(changes) > 1 else (0, 6, 2, 1))[0]
    if count:
        parts = fuzz_files.split(data)
        for _ in range(count):
            fuzz_files.mutate(rng, parts)
        data = fuzz_files.join(parts)
        changes += parts.changes
    if rng.random() < 0.03:
        data = fuzz_files.damage(rng, data)
        changes.append("damage")
    scale, region = 1.0, None
    if rng.random() < 0.3:
        scale = rng.choice(SCALES)
    if rng.random() < 0.2:
        region = rng.random(), rng.random(), rng.random() ** 3, rng.random() ** 3
    limits = rng.choices((2**17, 2**20, 2**22, 2**27), (900, 90, 9, 1))[0]
    # Wide Gaussians in large images are what takes longest, so there are few of them in a run.
    density = 4096.0 if limits <= 2**20 else 32.0
    return Case(
        name=" ".join(changes),
        data=data,
        scale=scale,
        region=region,
        limits=Limits(limits, density),
        compared=rng.random() < 0.25,
        shell=rng.random() < 0.01,
    )


def allow_seconds(case: Case, pixels: int) -> float:
    """Return how much CPU time a case may take: a constant, and shares of bytes and of area."""
    area = pixels * (case.limits.area_per_pixel + 100.0)
    return 0.3 + 50e-6 * len(case.data) + 1e-9 * area


def allow_megabytes(case: Case, pixels: int) -> float:
    """Return how much memory a case may take: a constant, and shares of bytes and of pixels."""
    return 40.0 + 2e-3 * len(case.data) + 100e-6 * pixels


def check_case(case: Case) -> Outcome:
    """Read a file in every way that the case asks for, and measure that."""
    memory = start_memory()
    began = time.process_time()
    pixels = 0
    try:
        info, refused = _inform(case.data)
        if info:
            pixels = _count_pixels(info, case)
        result, finding = _read(case, info, refused)
    except Exception as error:
        result, finding = type(error).__name__, f"{type(error).__name__}: {error}"
    seconds = time.process_time() - began
    megabytes = memory()
    if finding is None and seconds > allow_seconds(case, pixels):
        finding = f"{seconds:.2f} s of CPU time, {allow_seconds(case, pixels):.2f} are allowed"
    if finding is None and megabytes > allow_megabytes(case, pixels):
        finding = f"{megabytes:.0f} MB, {allow_megabytes(case, pixels):.0f} are allowed"
    if finding is None and case.compared and result == "decoded":
        finding = _compare(case)
    if finding is None and case.shell and pixels <= 2**18:
        finding = _call_shell(case)
    return Outcome(result, seconds, megabytes, pixels, finding)


def start_memory() -> Any:
    """Begin to measure the largest resident memory; the result tells its growth in megabytes."""
    try:
        # Writing 5 sets the largest resident memory to the present one.
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return lambda: 0.0
    before = _read_peak()
    return lambda: (_read_peak() - before) / 1e3


def _read_peak() -> int:
    """Return the largest resident memory in kB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split(None, 1)[0])


def _inform(data: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return what `info` says, or the error with which it refuses the file."""
    try:
        return gsic.info(data), ""
    except (FormatError, LimitError) as error:
        return None, type(error).__name__


def _count_pixels(info: dict[str, Any], case: Case) -> int:
    """Count the pixels that reading a file may cost: of its image, or those that are drawn."""
    columns, rows = scale_size(info["width"], info["height"], case.scale)
    if case.region is not None:
        columns, rows = _choose_region(case.region, columns, rows)[2:]
    return max(
        pixels if pixels <= case.limits.pixels else 0
        for pixels in (info["width"] * info["height"], columns * rows)
    )


def _choose_region(
    shares: tuple[float, float, float, float], columns: int, rows: int
) -> tuple[int, int, int, int]:
    """Return the region of an output that has these shares of it."""
    x, y = int(shares[0] * columns), int(shares[1] * rows)
    width, height = int(shares[2] * (columns - x - 1)), int(shares[3] * (rows - y - 1))
    return x, y, 1 + width, 1 + height


def _read(case: Case, info: dict[str, Any] | None, refused: str) -> tuple[str, str | None]:
    """Decode a file, and check the image against what `info` said."""
    scale, region = case.scale, None
    if info and case.region is not None:
        size = scale_size(info["width"], info["height"], scale)
        # Regions are bounded by themselves, whatever the size of the output is.
        if max(size) < 2**31:
            region = _choose_region(case.region, *size)
    try:
        image = gsic.decode(case.data, scale=scale, region=region, limits=case.limits, threads=1)
    except (FormatError, LimitError) as error:
        return type(error).__name__, None
    if info is None:
        return "decoded", f"decode takes what info refuses: {refused}"
    width, height = region[2:] if region else scale_size(info["width"], info["height"], scale)
    channels = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}
    shape = height, width, *channels[info["mode"].partition("_AS")[0]]
    if image.shape != shape or image.dtype != np.uint8:
        return "decoded", f"an image {image.dtype} {image.shape} where it must be {shape}"
    return "decoded", None


def _compare(case: Case) -> str | None:
    """Decode a file that was taken with the independent decoder too; return what differs."""
    file = container.read(case.data, case.limits)
    profile = registry.find_by_number(file.profile)
    image = profile.read(file)
    if profile.count(image) * file.width * file.height > _MOST_COMPARED:
        return None
    try:
        if profile.name == "gsic":
            difference = _compare_symbols(case.data, image)
            if difference or np.abs(image.symbols.color).sum() * image.header.step > 1e3:
                # Sums of such colours are rounded differently in float32 and in float64.
                return difference
        expected = format_gsic.decode(case.data)
    except Exception as error:
        return f"the independent decoder: {type(error).__name__}: {error}"
    if profile.name == "gaussianimage" and np.abs(profile.dequantise(image).color).sum() > 1e3:
        return None
    seen = gsic.decode(case.data, limits=case.limits, threads=1)
    if seen.shape != expected.shape:
        return f"an image {seen.shape}, the independent decoder makes {expected.shape}"
    apart = np.abs(seen.astype(int) - expected)
    # Profile gsic is continuous; those of the papers cut Gaussians off where rounding decides, and
    # where alpha is low, colour is divided by what rounding decides.
    rare = 0.0 if profile.name == "gsic" and not file.mode.alpha else 0.02
    if np.count_nonzero(apart > 1) > rare * apart.size:
        return f"{np.count_nonzero(apart > 1)} of {apart.size} values differ by {apart.max()}"
    return None


def _compare_symbols(data: bytes, image: Any) -> str | None:
    """Compare the symbols of an image of profile gsic with those of the independent decoder."""
    header, symbols = image
    fields = format_decoder.read_container(data)
    size = header.width, header.height, header.channels
    step, background, gaussians = format_gsic.read_symbols(fields, *size)
    if (step, tuple(background)) != (header.step_index, header.background):
        return "step or background differ from those of the independent decoder"
    columns = (
        *(symbols.place * 2.0**-PLACE_BITS - MARGIN_PX).T,
        *(symbols.amplitude_class, symbols.log_scale, *symbols.log_anisotropy.T),
    )
    rows = zip(*(column.tolist() for column in columns), symbols.color.tolist(), strict=True)
    if list(rows) != gaussians:
        return "symbols differ from those of the independent decoder"
    return None


def _call_shell(case: Case) -> str | None:
    """Read a file with the command line; return what it must not do."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "a.gsi"), os.path.join(folder, "a.png")
        Path(source).write_bytes(case.data)
        scale = ["--scale", repr(case.scale)] if case.scale < 4 else []
        for line in (["info", source], ["decode", source, target, *scale]):
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = cli.run(line)
            if code not in (0, 1) or "Traceback" in said.getvalue():
                return f"gsic {line[0]} ends with {code}: {said.getvalue()[-300:]}"
            if line[0] == "decode" and (code == 0) != os.path.exists(target):
                return f"gsic decode ends with {code} and leaves {os.listdir(folder)}"
    return None
