"""Tables of time and memory: efforts, fits, kernels, GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.gpu.estimate import estimates
from benchmarks.report.tables import (
    describe_origin,
    format_number,
    format_percent,
    format_table,
    load,
)

INSTRUCTIONS = {"native": "all of this CPU", "avx2": "AVX2"}


def tabulate_efforts(results: Path) -> list[str]:
    found = load(results / "effort-cpu.json")
    if found is None:
        return []
    shown = max(row["target"] for row in found["rows"])
    lines = [
        [
            str(row["effort"]),
            f"{row['iterations']}",
            f"{row['seconds']:.1f} s",
            f"{row['bpp']:.3f}",
            f"{row['psnr']:.2f}",
            format_number(row["ms_ssim"], 4),
            format_percent(found["saved_percent"][str(row["effort"])]),
        ]
        for row in found["rows"]
        if row["target"] == shown
    ]
    return [
        f"**Efforts: {found['image']}, {found['width']}x{found['height']}, {found['threads']} "
        f"threads.** {describe_origin(results / 'effort-cpu.json')} The last column is the BD-rate "
        "against effort 5 over these rates.",
        format_table(["effort", "steps", "encode", "bpp", "PSNR", "MS-SSIM", "rate"], lines),
        "![Seconds of each effort against its BD-rate](../benchmarks/results/effort.png)",
    ]


def tabulate_fits(results: Path) -> list[str]:
    found = load(results / "fit-kodak.json")
    if found is None:
        return []
    lines = [[count, f"{psnr:.2f}"] for count, psnr in found["mean_psnr"].items()]
    return [
        f"**Unquantised fits: {found['images']} Kodak images, {found['iterations']} steps.** "
        f"{describe_origin(results / 'fit-kodak.json')}",
        format_table(["Gaussians", "mean PSNR in dB"], lines),
    ]


def tabulate_memory(results: Path) -> list[str]:
    found = load(results / "memory.json")
    if found is None:
        return []
    lines = [
        [
            row["task"],
            f"{row['width']}x{row['height']}",
            str(row["gaussians"]),
            f"{row['peak_mib']:.0f} MiB",
        ]
        for row in found["rows"]
    ]
    return [
        f"**Peak memory of the whole process at {found['bpp']} bpp.** "
        f"{describe_origin(results / 'memory.json')}",
        format_table(["task", "image", "Gaussians", "peak"], lines),
    ]


def tabulate_kernels(results: Path) -> list[str]:
    found = load(results / "kernels-cpu.json")
    if found is None:
        return []
    medians: dict[tuple[str, int], dict[tuple[str, int], float]] = {}
    for row in found["rows"]:
        size = medians.setdefault((row["target"], row["gaussians"]), {})
        size[row["operation"], row["threads"]] = row["median_ms"]
    lines = []
    for (target, gaussians), ms in medians.items():
        cells = [INSTRUCTIONS.get(target, target), str(gaussians)]
        for operation in ("render_sum", "render_sum_backward", "SumLoss.step"):
            by_threads = [ms[key] for key in sorted(ms) if key[0] == operation]
            cells.append(" / ".join(f"{value:.2f}" for value in by_threads))
        lines.append(cells)
    image = found["image"]
    return [
        f"**Kernels alone: {image['width']}x{image['height']}, uniform Gaussians.** "
        f"{describe_origin(results / 'kernels-cpu.json')} Median milliseconds with "
        f"{' / '.join(map(str, sorted({row['threads'] for row in found['rows']})))} threads.",
        format_table(
            ["instructions", "Gaussians", "forward", "backward", "loss and gradient"], lines
        ),
    ]


def tabulate_iteration(results: Path) -> list[str]:
    found = load(results / "iteration-cpu.json")
    if found is None:
        return []
    lines = [
        [str(row["threads"]), *(f"{ms:.2f}" for ms in row["median_ms"].values()), f"{row['ratio']}"]
        for row in found["rows"]
    ]
    return [
        f"**One iteration of a fit: {found['image']}, {found['rows'][0]['gaussians']} fitted "
        f"Gaussians.** {describe_origin(results / 'iteration-cpu.json')} Median milliseconds.",
        format_table(
            ["threads", "forward", "backward", "iteration", "over forward + backward"], lines
        ),
    ]


def tabulate_gpu(results: Path) -> list[str]:
    """Goals for a GPU, what is counted for them, and what was measured if anything was."""
    found = load(results / "gpu.json")
    measured = list_gpu_figures(found) if found else []
    lines = [
        [
            row.what,
            f"{row.goal:g} {row.unit}",
            f"{row.estimate:.0f} {row.unit}",
            f"{measured[i]:.0f} {row.unit}" if found else "not measured yet",
        ]
        for i, row in enumerate(estimates())
    ]
    said = (
        f"{found['gpu']['name']}, {describe_origin(results / 'gpu.json')}"
        if found
        else (
            "GPU figures are not measured yet; `make bench-gpu` measures them on a machine with "
            "an NVIDIA GPU. Until then the kernels are checked under Triton's interpreter and "
            "compiled ahead of time."
        )
    )
    return [
        f"**GPU: 768x512.** {said} Counted are instructions, bytes and nodes of a graph "
        "(`python -m benchmarks.gpu.estimate`): a floor for an H200.",
        format_table(["what", "goal", "counted", "measured"], lines),
    ]


def list_gpu_figures(found: dict[str, Any]) -> list[float]:
    """The figures of `estimates`, in their order."""
    forward = {
        row["gaussians"]: row["median_us"]
        for row in found["kernels"]
        if row["operation"] == "render_sum"
    }
    fit = found.get("fit_full") or found["fit"]
    decoding = found["decoding"]
    return [
        forward[10_000],
        forward[70_000],
        1e6 / fit["steps_per_second"],
        decoding["fps_single"],
        decoding["fps_batch_of_32"],
        fit["peak_mib"],
    ]
