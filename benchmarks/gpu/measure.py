"""Everything about the GPU in one run: tests, kernels, fits, encodings, decoding. Writes gpu.json.

    python -m benchmarks.gpu.measure [--image PHOTO.png] [--seconds 420] [--output FILE]

Runs unattended and stops starting parts when its time is used up; what is done is written after
each part, and parts that were left out are named. gsic must be installed; `make bench-gpu` sees to
that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gsic
from benchmarks.speed.kernel_scene import CHANNELS, HEIGHT, SIZES, WIDTH, scene
from gsic import api as codec
from gsic import decoding, encoding, images
from gsic.bench import machine
from gsic.metrics import psnr_from_sse
from gsic.options import EncodeOptions, FitOptions
from gsic_kernels import registry
from gsic_kernels.gpu.raster.device_arrays import DeviceBlended, DeviceGradients, DeviceSplats
from gsic_kernels.gpu.raster.renderer import Renderer
from gsic_kernels.types import Window, count_levels

ROOT = Path(__file__).parents[2]
MILLION = (1_000_000, 3.0, 4096, 4096)
REPEATS = 50
FIT_GAUSSIANS, FIT_STEPS, TRIAL_STEPS = 70_000, 50_000, 2_000
BATCH = 32


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    photo = ROOT / "examples" / "kodim03.png"
    parser.add_argument("--image", type=Path, default=photo, help="a photo of 768x512")
    parser.add_argument("--seconds", type=float, default=420.0, help="time for all parts")
    output = Path(__file__).parents[1] / "results" / "gpu.json"
    parser.add_argument("--output", type=Path, default=output)
    arguments = parser.parse_args()

    missing = registry.why_no_cuda()
    if missing:
        print(missing, file=sys.stderr)
        return 3
    began = time.perf_counter()
    image = images.load(arguments.image).image
    result: dict[str, Any] = {
        **machine.stamp(f"python -m benchmarks.gpu.measure --image {arguments.image.name}"),
        "gpu": gpu(),
        "image": arguments.image.name,
        "left_out": [],
    }
    # The most telling parts first; how many seconds each needs at most.
    parts: list[tuple[str, float, Callable[[], Any]]] = [
        ("kernels", 60, kernels),
        ("decoding", 60, lambda: measure_decoding(image)),
        ("fit", 40, lambda: fit(image, TRIAL_STEPS)),
        ("encoding", 60, lambda: measure_encoding(image)),
        ("tests", 150, tests),
        ("fit_full", 60, lambda: fit(image, FIT_STEPS)),
    ]
    failed = False
    for name, seconds, part in parts:
        if time.perf_counter() - began + seconds > arguments.seconds:
            result["left_out"].append(name)
            continue
        start = time.perf_counter()
        try:
            result[name] = part()
        except Exception as error:  # the other parts are worth having all the same
            result[name] = {"error": f"{type(error).__name__}: {error}"}
            failed = True
        print(name, f"{time.perf_counter() - start:.1f} s", json.dumps(result[name]), flush=True)
        result["seconds"] = round(time.perf_counter() - began, 1)
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    return int(failed or bool(result["left_out"]) or result["tests"]["exit_code"] != 0)


def gpu() -> dict[str, Any]:
    """The device, its driver and what talks to it."""
    properties = torch.cuda.get_device_properties(0)
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        driver = subprocess.run(query, capture_output=True, text=True).stdout.strip()
    except OSError:
        driver = "unknown"
    return {
        "name": properties.name,
        "memory_mib": properties.total_memory >> 20,
        "capability": f"{properties.major}.{properties.minor}",
        "driver": driver,
        "cuda": torch.version.cuda,
    }


def tests() -> dict[str, Any]:
    """Run the tests that need a GPU."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-x", "-p", "no:cacheprovider"]
    command += ["tests/kernels/gpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    return {"exit_code": done.returncode, "said": done.stdout.splitlines()[-12:]}


def kernels() -> list[dict[str, Any]]:
    """Medians of single launches by CUDA events, in microseconds; lists are built in each."""
    rows = []
    for count, sigma, width, height in [*((*size, WIDTH, HEIGHT) for size in SIZES), MILLION]:
        splats = scene(count, sigma)
        mean = splats.mean * (np.array((width, height), np.float32) / (WIDTH, HEIGHT))
        device = torch.device("cuda")
        arrays = splats._replace(mean=mean.astype(np.float32))
        sent = DeviceSplats(*(torch.tensor(array, device=device) for array in arrays))
        draw = Renderer(width, height, CHANNELS, count, device)
        window = Window(0, 0, width, height)
        background = torch.zeros(CHANNELS, device=device)
        out = torch.empty((height, width, CHANNELS), device=device)
        pixels = torch.empty((height, width, CHANNELS), dtype=torch.uint8, device=device)
        drawn = sent, count_levels(splats)
        target = torch.rand((height, width, CHANNELS), device=device)
        opacity = torch.rand(count, device=device) * 0.9 + 0.1
        grads = DeviceGradients(*(torch.empty_like(array) for array in sent[:3]))
        blended = DeviceBlended(
            torch.empty_like(out),
            torch.empty((height, width), device=device),
            torch.empty((height, width), dtype=torch.int32, device=device),
        )
        d_opacity, d_background = torch.empty_like(opacity), torch.empty_like(background)
        operations: dict[str, Callable[[], Any]] = {
            "lists": lambda: draw.lists.build(sent, window, drawn[1]),  # noqa: B023
            "render_sum": lambda: draw.render_sum(*drawn, window, background, out),  # noqa: B023
            "render_sum_bytes": lambda: draw.render_sum(*drawn, window, background, pixels),  # noqa: B023
            "render_sum_backward": lambda: draw.render_sum_backward(*drawn, window, target, grads),  # noqa: B023
            "sum_loss": lambda: draw.sum_loss(*drawn, background, target, out, grads),  # noqa: B023
            "render_alpha": lambda: draw.render_alpha(sent, opacity, window, background, blended),  # noqa: B023
            "render_alpha_backward": lambda: draw.render_alpha_backward(  # noqa: B023
                *(sent, opacity, window, background, blended, target),  # noqa: B023
                *(grads, d_opacity, d_background),  # noqa: B023
            ),
        }
        for name, call in operations.items():
            call()
            while draw.grow():
                call()
            row = {"gaussians": count, "width": width, "height": height, "operation": name}
            rows.append(row | graph_times(call))
        torch.cuda.empty_cache()
    return rows


def graph_times(call: Callable[[], Any]) -> dict[str, float]:
    """Microseconds of a call as a CUDA graph, which is how fits and decoders use it."""
    call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    times = []
    for _ in range(REPEATS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(1e3 * start.elapsed_time(end))
    low, median, high = np.percentile(times, (10, 50, 90))
    return {"median_us": round(median, 1), "p10_us": round(low, 1), "p90_us": round(high, 1)}


def fit(image: np.ndarray, steps: int) -> dict[str, Any]:
    """A float fit of 70,000 Gaussians, and the memory it takes."""
    options = FitOptions(gaussians=FIT_GAUSSIANS, iterations=steps)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    fitted = codec.fit(
        image, gaussians=options.gaussians, iterations=options.iterations, device="cuda"
    )
    seconds = time.perf_counter() - start
    return {
        "gaussians": FIT_GAUSSIANS,
        "steps": steps,
        "seconds": round(seconds, 2),
        "steps_per_second": round(steps / seconds, 1),
        "psnr_float": fitted.report.psnr,
        "peak_mib": torch.cuda.max_memory_allocated() / 2**20,
    }


def measure_encoding(image: np.ndarray) -> list[dict[str, Any]]:
    """Whole encodings, the second of each effort."""
    rows = []
    for effort in (1, 5):
        options = EncodeOptions(bpp=0.3, effort=effort)
        for _ in range(2):
            report = encoding.encode_with_report(image, options, device="cuda").report
        keys = ("seconds", "bpp", "psnr", "gaussians", "iterations")
        rows.append({"effort": effort} | {key: getattr(report, key) for key in keys})
    return rows


def measure_decoding(image: np.ndarray) -> dict[str, Any]:
    """Files in memory to 8-bit pixels in memory, one at a time and in batches."""
    data = gsic.encode(image, bpp=0.3, effort=3, device="cpu")
    stages: dict[str, list[float]] = {
        name: [] for name in ("entropy_ms", "dequantise_ms", "render_ms", "total_ms")
    }
    for repeat in range(220):
        report = decoding.decode_with_report(data, device="cuda").report
        if repeat >= 20:
            for name, values in stages.items():
                values.append(getattr(report, name))
    batches = []
    for _ in range(6):
        start = time.perf_counter()
        for _image in gsic.decode_many([data] * BATCH, device="cuda"):
            pass
        batches.append(BATCH / (time.perf_counter() - start))
    shown = gsic.decode(data, device="cuda").astype(np.float64)
    return {
        "bytes": len(data),
        "psnr": psnr_from_sse(float(np.square(shown - image).sum()) / 255**2, image.size),
        "ms": {name: round(float(np.median(values)), 4) for name, values in stages.items()},
        "fps_single": round(1e3 / float(np.median(stages["total_ms"])), 1),
        "fps_batch_of_32": round(float(np.median(batches[1:])), 1),
    }


if __name__ == "__main__":
    sys.exit(main())
