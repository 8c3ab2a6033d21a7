"""Tables of what `benchmarks.speed.decode`, `encode` and `startup` measured."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report.tables import NONE, describe_origin, format_table, load

# The other decoders in the order of the tables.
LIBRARIES = {
    "webp": "libwebp",
    "jpeg": "libjpeg-turbo",
    "jpeg2000": "OpenJPEG",
    "avif": "dav1d",
}

PATHS = {"native": "this CPU", "avx2": "AVX2", "x86-64-v2": "SSE4 (x86-64-v2)"}
STAGES = ("entropy", "dequantise", "render", "glue")

Row = dict[str, Any]


def select_decodes(found: Row, case: str, path: str = "native", threads: int = 1) -> list[Row]:
    """Return our rows of a case, one for each picture."""
    wanted = {"case": case, "path": path, "threads": threads, "decoder": "gsic"}
    return [row for row in found["rows"] if wanted.items() <= row.items()]


def find_median_ms(rows: list[Row]) -> float:
    """Return the median over pictures of the median milliseconds."""
    return float(median(row["ms"]["median"] for row in rows))


def find_over(rows: list[Row], rival: str) -> float | None:
    """Return the median over pictures of our time over that of another decoder."""
    ratios = [row["over"][rival] for row in rows if rival in row["over"]]
    return float(median(ratios)) if ratios else None


def tabulate_decoding(results: Path) -> list[str]:
    """Write the table of decoding by picture and number of threads, and of other paths."""
    found = load(results / "speed-decode.json")
    if found is None:
        return []
    cases = dict.fromkeys(row["case"] for row in found["rows"])
    paths = dict.fromkeys(row["path"] for row in found["rows"])
    lines = []
    for path in paths:
        for case in cases:
            for threads in (1, 2):
                if rows := select_decodes(found, case, path, threads):
                    lines.append([PATHS[path], *describe_decodes(case, threads, rows)])
    ceiling = found["ceiling"]
    head = ["instructions", "picture", "Gaussians", "threads", *STAGES, "ms", "10 to 90 %"]
    return [
        f"**Decoding, from bytes in memory to 8-bit pixels.** "
        f"{describe_origin(results / 'speed-decode.json')} Median milliseconds of the stages and "
        "of all, medians over the pictures of a size and rate; then our time over that of other "
        "decoders, with one thread, on the same pictures in about as many bytes: medians of the "
        "ratios within a round. Ratios say more than times, as a busy machine slows both. The "
        f"instructions of this CPU are {found['instructions']}. Arithmetic that touches no "
        f"memory runs {ceiling['speedup']:.2f} times as fast on {ceiling['threads']} threads.",
        format_table([*head, *(f"over {name}" for name in LIBRARIES.values())], lines),
        "![Decoding time against pixels and against Gaussians]"
        "(../benchmarks/results/speed-decode.png)",
    ]


def describe_decodes(case: str, threads: int, rows: list[Row]) -> list[str]:
    """Write the cells of one size and rate at one number of threads."""
    first = rows[0]
    gaussians = sorted(row["gaussians"] for row in rows)
    spread = [median(row["ms"][key] for row in rows) for key in ("p10", "p90")]
    ratios = [find_over(rows, rival) for rival in LIBRARIES]
    return [
        f"{first['width']}x{first['height']}, {describe_rate(case, rows)}",
        f"{gaussians[0]}" if len(gaussians) == 1 else f"{gaussians[0]} to {gaussians[-1]}",
        f"{threads}",
        *(f"{median(row['stages_ms'][stage] for row in rows):.2f}" for stage in STAGES),
        f"{find_median_ms(rows):.2f}",
        f"{spread[0]:.2f} to {spread[1]:.2f}",
        *(NONE if ratio is None else f"{ratio:.2f}" for ratio in ratios),
    ]


def describe_rate(case: str, rows: list[Row]) -> str:
    """Name the rate of a case: bytes of a preview, else bits per pixel."""
    if case.startswith("preview"):
        return "1000 bytes"
    first = rows[0]
    return f"{8 * first['bytes'] / (first['width'] * first['height']):.1f} bpp"


def tabulate_encoding(results: Path) -> list[str]:
    """Write the table of encodings."""
    found = load(results / "speed-encode.json")
    if found is None:
        return []
    lines = [
        [
            f"{row['image']}, {row['width']}x{row['height']}",
            f"{row['effort']}",
            f"{row['seconds']['median']:.2f} s",
            f"{row['iterations']}",
            f"{row['bytes']}",
            f"{row['bpp']:.3f}",
            f"{row['psnr']:.2f} dB",
            f"{row['gaussians']}",
        ]
        for row in found["rows"]
    ]
    return [
        f"**Encoding with {found['threads']} threads.** "
        f"{describe_origin(results / 'speed-encode.json')} Seconds without compilation.",
        format_table(
            ["image", "effort", "time", "steps", "bytes", "bpp", "PSNR", "Gaussians"], lines
        ),
    ]


def tabulate_startup(results: Path) -> list[str]:
    """Write the table of whole commands."""
    found = load(results / "speed-startup.json")
    if found is None:
        return []
    lines = [
        ["first `gsic decode` on a machine", found["first_decode"]["seconds"]],
        ["– of it compilation", found["first_decode"]["compile_seconds"]],
        ["first `gsic encode` on a machine, effort 1", found["first_encode"]["seconds"]],
        ["– of it compilation", found["first_encode"]["compile_seconds"]],
        ["`gsic --help`", found["help"]],
        ["`gsic decode`", found["decode"]],
        ["`gsic decode`, 6000x4000 to PNG", found["decode_24_megapixels"]],
    ]
    return [
        f"**Whole commands: {found['image']} at 0.3 bpp.** "
        f"{describe_origin(results / 'speed-startup.json')} Wall seconds.",
        format_table(
            ["command", "median", "10 %", "90 %"],
            [
                [name, *(f"{values[key]:.2f} s" for key in ("median", "p10", "p90"))]
                for name, values in lines
            ],
        ),
    ]
