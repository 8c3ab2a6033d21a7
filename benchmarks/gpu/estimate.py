"""What the GPU kernels should take on an H200, from counted operations and bytes.

    python -m benchmarks.gpu.estimate

A offset, not a measurement: instructions over the rate at which they can be issued, bytes over
bandwidth, and a fixed time for every node of a graph, with nothing overlapping and no waiting for
memory. Instructions are those of the machine code that `make triton-aot` makes for sm_90 with 3
channels; pairs of tile and Gaussian are those of the scenes of `kernel_scene`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from benchmarks.report.timings import select_decodes

# H200: 132 multiprocessors with 4 schedulers of one instruction of a warp per cycle, boost clock.
ISSUED_PER_US = 132 * 4 * 1.755e3
# Microseconds between the starts of small nodes of a graph that wait for each other.
NODE_US = 3.0
# Pinned memory over PCIe 5.0 x16, and one core's copy in main memory, bytes per microsecond.
LINK_BYTES_PER_US, COPY_BYTES_PER_US = 40e3, 10e3

# Instructions of a warp for all 256 pixels of a pair: drawing has 2 warps a tile, gathering 1.
RENDER, LOSS_FORWARD, LOSS_BACKWARD = 2 * 70, 115, 346
# Of a warp that dequantises 32 Gaussians.
DEQUANTISE = 944
# Pairs of tile and Gaussian at 768x512.
PAIRS = {3000: 26_700, 10_000: 43_900, 70_000: 146_000}
RENDER_NODES, FIT_NODES = 8, 16
# Of the last kernel of the way back, which adds up 152,000 slots, and of the two that move.
SLOTS_US, MOVE_US = 15.0, 8.0

# Entropy decoding is what speed-decode.json says of one thread, kodim03 at 0.3 bpp. Putting symbols
# side by side and bounding their areas is a fifth of what dequantising takes there.
SPEED = Path(__file__).parents[1] / "results" / "speed-decode.json"
HAND_OVER_SHARE = 0.2
GAUSSIANS, PIXEL_BYTES = 3300, 768 * 512 * 3
# Seven integers and three amplitudes.
SYMBOL_BYTES = 40
# What keeps the interpreter's lock while several threads read files.
LOCKED_SHARE = 0.5

# Tensors of a fit of 70,000 Gaussians on a 768x512 image, added up.
FIT_MIB = 70.0


class Estimate(NamedTuple):
    """A goal and what is counted for it."""

    what: str
    unit: str
    goal: float
    estimate: float
    more_is_better: bool = False


def issued(instructions: float) -> float:
    """Microseconds to issue instructions of warps on the whole chip."""
    return instructions / ISSUED_PER_US


def render_us(gaussians: int) -> float:
    return issued(PAIRS[gaussians] * RENDER) + RENDER_NODES * NODE_US


def fit_us(gaussians: int) -> float:
    drawn = issued(PAIRS[gaussians] * (LOSS_FORWARD + LOSS_BACKWARD))
    return drawn + FIT_NODES * NODE_US + SLOTS_US + MOVE_US


def decode_us() -> tuple[float, float]:
    """One file at a time, and one of a batch that is read by threads of its own."""
    copies = (GAUSSIANS * SYMBOL_BYTES + PIXEL_BYTES) / LINK_BYTES_PER_US
    dequantised = issued(GAUSSIANS / 32 * DEQUANTISE) + NODE_US
    drawn = copies + dequantised + render_us(3000) + PIXEL_BYTES / COPY_BYTES_PER_US
    rows = select_decodes(json.loads(SPEED.read_text()), "0.3-bpp")
    ms = next(row["stages_ms"] for row in rows if row["image"] == "kodim03")
    read = 1e3 * (ms["entropy"] + HAND_OVER_SHARE * ms["dequantise"])
    return read + drawn, max(LOCKED_SHARE * read, drawn)


def estimates() -> list[Estimate]:
    """Every goal for an H200-class GPU."""
    single, batch = decode_us()
    return [
        Estimate("forward, 10,000 Gaussians", "µs", 60, render_us(10_000)),
        Estimate("forward, 70,000 Gaussians", "µs", 150, render_us(70_000)),
        Estimate("iteration of a fit, 70,000 Gaussians", "µs", 500, fit_us(70_000)),
        Estimate("decode at 0.3 bpp, one at a time", "FPS", 2000, 1e6 / single, True),
        Estimate("decode at 0.3 bpp, batches of 32", "FPS", 5000, 1e6 / batch, True),
        Estimate("memory of a fit, 70,000 Gaussians", "MiB", 419, FIT_MIB),
    ]


if __name__ == "__main__":
    for row in estimates():
        print(f"{row.what:40} goal {row.goal:6.0f} {row.unit:4} counted {row.estimate:7.0f}")
