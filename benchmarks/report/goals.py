"""The table of goals of speed: what was, what was to be reached, what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.report.tables import NONE, format_table, load
from benchmarks.report.timings import LIBRARIES, find_median_ms, find_over, select_decodes

Found = dict[str, Any]


class Measured(NamedTuple):
    """What was measured, in words, and whether that is the goal."""

    text: str
    reached: bool


@dataclass(frozen=True)
class Goal:
    """A row of the table.

    Args:
        what: what is measured.
        before: what it was before this work.
        goal: what is to be reached.
        source: the file of rows in benchmarks/results.
        measure: finds the figure in that file; None where it is not there.
        limit: what limits the figure where the goal is not reached.
    """

    what: str
    before: str
    goal: str
    source: str
    measure: Callable[[Found], Measured | None]
    limit: str = ""


def measure_frames(found: Found) -> Measured | None:
    rows = select_decodes(found, "0.2-bpp", threads=2)
    if not rows:
        return None
    frames = 1e3 / find_median_ms(rows)
    return Measured(f"{frames:.0f} FPS", frames >= 1000)


def measure_ratios(found: Found) -> Measured | None:
    rows = select_decodes(found, "0.3-bpp")
    ratios = {rival: find_over(rows, rival) for rival in LIBRARIES}
    known = {rival: ratio for rival, ratio in ratios.items() if ratio is not None}
    if not rows or not {"webp", "jpeg"} <= known.keys():
        return None
    said = ", ".join(f"{ratio:.2f} x {LIBRARIES[rival]}" for rival, ratio in known.items())
    reached = known["webp"] <= 0.5 and known["jpeg"] <= 1.4
    return Measured(f"{find_median_ms(rows):.2f} ms = {said}", reached)


def measure_avx2(found: Found) -> Measured | None:
    """Compare the paths by their ratios to libwebp, as they run in processes of their own."""
    native, avx2 = (
        find_over(select_decodes(found, "0.3-bpp", path), "webp") for path in ("native", "avx2")
    )
    if native is None or avx2 is None:
        return None
    return Measured(f"{avx2 / native:.2f} times that", avx2 / native <= 1.6)


def measure_preview(found: Found) -> Measured | None:
    rows = select_decodes(found, "preview-768")
    return _judge_least(find_median_ms(rows), 0.5, "ms", 2) if rows else None


def measure_many(found: Found) -> Measured | None:
    if not found["many"]:
        return None
    speedup, ceiling = found["many"]["speedup"], found["ceiling"]["speedup"]
    frames = ", ".join(f"{spread['median']:.0f}" for spread in found["many"]["fps"].values())
    return Measured(f"{speedup:.2f} ({frames} FPS); this machine: {ceiling:.2f}", speedup >= 1.9)


def measure_large_decode(found: Found) -> Measured | None:
    rows = select_decodes(found, "24-megapixels", threads=2)
    return _judge_least(find_median_ms(rows), 100, "ms", 0) if rows else None


def measure_encode(case: str, effort: int, most: float) -> Callable[[Found], Measured | None]:
    """Return what measures the encodings of a case at an effort against a number of seconds."""

    def measure(found: Found) -> Measured | None:
        wanted = {"case": case, "effort": effort}
        seconds = [
            row["seconds"]["median"] for row in found["rows"] if wanted.items() <= row.items()
        ]
        return _judge_least(median(seconds), most, "s", 1) if seconds else None

    return measure


def measure_memory(found: Found) -> Measured | None:
    peaks = [
        row["peak_mib"] * 2**20 / 1e9
        for row in found["rows"]
        if row["task"] == "encode" and row["width"] * row["height"] > 10**7
    ]
    return _judge_least(max(peaks), 1.5, "GB", 2) if peaks else None


def measure_compilation(command: str, most: float) -> Callable[[Found], Measured | None]:
    """Return what measures the compilation of a first command against a number of seconds."""

    def measure(found: Found) -> Measured | None:
        first = found[f"first_{command}"]
        return _judge_least(first["compile_seconds"]["median"], most, "s", 1)

    return measure


def measure_command(command: str, most: float) -> Callable[[Found], Measured | None]:
    """Return what measures a whole command with warm kernels against a number of seconds."""
    return lambda found: _judge_least(found[command]["median"], most, "s", 2)


def _judge_least(value: float, most: float, unit: str, decimals: int) -> Measured:
    return Measured(f"{value:.{decimals}f} {unit}", value <= most)


DECODE, ENCODE, STARTUP = "speed-decode.json", "speed-encode.json", "speed-startup.json"

GOALS = (
    Goal(
        "decode, two threads, 0.2 bpp",
        "262 FPS",
        "1000 FPS",
        DECODE,
        measure_frames,
        "between other decoders, which empty the caches and let the second thread sleep; see "
        "`decode_many` for image after image. Entropy decoding and binning are on one thread",
    ),
    Goal(
        "decode, one thread, 0.3 bpp",
        "4.3 ms = 1.23 x libwebp, 3.4 x libjpeg-turbo, 0.37 x OpenJPEG",
        "0.5 x libwebp, 1.4 x libjpeg-turbo",
        DECODE,
        measure_ratios,
        "1.54 ms image after image, 2.2 to 2.8 between other decoders: caches, fresh pages; then "
        "rendering, where 0.18 ms enlarge, 0.10 write bytes, and each Gaussian takes 0.2 us",
    ),
    Goal(
        "the same with AVX2",
        "1.0 to 1.3 times that",
        "at most 1.6 times that",
        DECODE,
        measure_avx2,
    ),
    Goal(
        "decode a 1000-byte preview, one thread",
        "2.3 ms",
        "0.5 ms",
        DECODE,
        measure_preview,
        "every pixel is enlarged and written, whatever the number of Gaussians",
    ),
    Goal(
        "`decode_many`, two threads over one",
        "1.03",
        "1.9",
        DECODE,
        measure_many,
        "Python between kernels, 0.1 ms an image under the GIL, and pages of new images",
    ),
    Goal(
        "decode 6000x4000, 0.2 bpp, two threads", "302 ms", "100 ms", DECODE, measure_large_decode
    ),
    Goal(
        "encode, default effort, 0.3 bpp",
        "13.6 s",
        "5 s",
        ENCODE,
        measure_encode("0.3-bpp", 5, 5),
        "most of it are 1650 to 1732 steps; eight passes of RDOQ are on one thread",
    ),
    Goal(
        "encode, effort 1, 0.3 bpp",
        "1.8 s",
        "0.7 s",
        ENCODE,
        measure_encode("0.3-bpp", 1, 0.7),
        "what does not shrink with the steps: placement, rate control and RDOQ, on one thread",
    ),
    Goal("encode, effort 9, 0.3 bpp", "47 s", "18 s", ENCODE, measure_encode("0.3-bpp", 9, 18)),
    Goal(
        "encode into 1000 bytes, default effort",
        "9 to 15 s",
        "2 s",
        ENCODE,
        measure_encode("preview-768", 5, 2),
        "1650 steps and more, whose time is that of comparing, enlarging and shrinking pixels",
    ),
    Goal(
        "encode 6000x4000, 0.2 bpp, effort 1",
        "137 s",
        "45 s",
        ENCODE,
        measure_encode("24-megapixels", 1, 45),
        "116 steps take 33 of the seconds of both threads, RDOQ 5",
    ),
    Goal(
        "encode 6000x4000, 0.2 bpp, default effort",
        "about 15 min",
        "5 min",
        ENCODE,
        measure_encode("24-megapixels", 5, 300),
    ),
    Goal("peak memory of encoding 6000x4000", NONE, "1.5 GB", "memory.json", measure_memory),
    Goal(
        "first `gsic decode`, compilation; with the wheel for Linux on x86-64",
        "10 s",
        "3 s",
        STARTUP,
        measure_compilation("decode", 3),
    ),
    Goal(
        "first `gsic encode`, compilation; with the wheel for Linux on x86-64",
        "27 s",
        "10 s",
        STARTUP,
        measure_compilation("encode", 10),
    ),
    Goal(
        "`gsic decode`, whole process, warm",
        "0.9 s",
        "0.45 s",
        STARTUP,
        measure_command("decode", 0.45),
    ),
    Goal(
        "`gsic decode` of 6000x4000 to PNG, warm",
        "9 s",
        "2 s",
        STARTUP,
        measure_command("decode_24_megapixels", 2),
    ),
)


def tabulate_goals(results: Path) -> list[str]:
    """Write the table of goals."""
    lines = []
    for goal in GOALS:
        found = load(results / goal.source)
        measured = goal.measure(found) if found is not None else None
        if measured is None:
            text, outcome = "not measured yet", NONE
        else:
            text = measured.text
            outcome = "reached" if measured.reached else f"not reached: {goal.limit}".rstrip(": ")
        lines.append([goal.what, goal.before, goal.goal, text, outcome])
    return [
        "**Goals.** Pictures are kodim03, kodim05 and kodim20 at 768x512 where no other size is "
        "named; figures are medians over them. Encoding is with two threads. The sources and the "
        "machines stand over the tables below.",
        format_table(["what", "before", "to reach", "measured", "reached, or what limits"], lines),
    ]
