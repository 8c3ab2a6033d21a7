"""Speed of the CPU kernels: milliseconds to sum or blend Gaussians and to differentiate that.

    python -m benchmarks.speed.kernels [--rounds 60] [--threads 1,2] [--output FILE]

A 768 x 512 image, 3 channels, N uniform Gaussians whose Cholesky factors have a diagonal of
U(0.5, 1.5) s and an off-diagonal of U(-0.7, 0.7) s, cut at 3 sigma; blended with an opacity of
U(0.1, 1) and, in the rows named opaque, of 1. Operations take turns in
bursts, so that a disturbance hits all of them; percentiles are over all rounds. Everything is
measured for the CPU at hand and, in a second process, for AVX2 without AVX-512 (on x86).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.kernel_scene import CHANNELS, HEIGHT, SIZES, WIDTH, scene
from benchmarks.speed.paths import make_environment

# Each operation is timed in this many bursts, the first calls of each not counted.
BURSTS, WARM = 6, 3
RESULTS = Path(__file__).parents[1] / "results" / "kernels-cpu.json"


def operations(count: int, sigma: float, threads: int) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    from gsic_kernels import registry
    from gsic_kernels.types import Window

    rng, splats = np.random.default_rng(2), scene(count, sigma)
    window, background = Window(0, 0, WIDTH, HEIGHT), np.zeros(CHANNELS, np.float32)
    image = rng.uniform(0, 1, (HEIGHT, WIDTH, CHANNELS)).astype(np.float32)
    backend = registry.get("cpu")
    loss = backend.SumLoss(image, "l2", threads)
    answer: dict[str, Callable[[], object]] = {
        "render_sum": lambda: backend.render_sum(splats, window, background, threads),
        "render_sum_bytes": lambda: backend.render_sum_bytes(splats, window, background, threads),
        "render_sum_backward": lambda: backend.render_sum_backward(splats, window, image, threads),
        "SumLoss.sse": lambda: loss.sse(splats, background),
        "SumLoss.step": lambda: loss.step(splats, background),
    }
    opacities = {"": rng.uniform(0.1, 1, count).astype(np.float32), ", opaque": None}
    for name, chosen in opacities.items():
        opacity = np.ones(count, np.float32) if chosen is None else chosen
        layers = splats, opacity, window, background
        blended = backend.render_alpha(*layers)
        answer[f"render_alpha{name}"] = partial(backend.render_alpha, *layers, threads)
        answer[f"render_alpha_backward{name}"] = partial(
            backend.render_alpha_backward, *layers, blended, image, threads
        )
    return answer


def measure(rounds: int, threads: list[int]) -> list[dict[str, Any]]:
    """One row per size, number of threads and operation; milliseconds."""
    rows = []
    for count, sigma in SIZES:
        calls = {(n, name): f for n in threads for name, f in operations(count, sigma, n).items()}
        spent: dict[Any, list[float]] = {key: [] for key in calls}
        for _ in range(BURSTS):
            for key, call in calls.items():
                for repeat in range(WARM + -(-rounds // BURSTS)):
                    begun = time.perf_counter()
                    call()
                    if repeat >= WARM:
                        spent[key].append((time.perf_counter() - begun) * 1e3)
        for (n, name), values in spent.items():
            p10, median, p90 = (round(float(v), 3) for v in np.percentile(values, (10, 50, 90)))
            rows.append(
                {
                    "gaussians": count,
                    "sigma_px": sigma,
                    "threads": n,
                    "operation": name,
                    "median_ms": median,
                    "p10_ms": p10,
                    "p90_ms": p90,
                }
            )
    return rows


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per size: a step over forward plus backward, blends over sums, what more threads gain."""
    medians = {(r["gaussians"], r["threads"], r["operation"]): r["median_ms"] for r in rows}
    answer = []
    for count, sigma in SIZES:
        entry: dict[str, Any] = {"gaussians": count, "sigma_px": sigma}
        one = {name: ms for (n, t, name), ms in medians.items() if (n, t) == (count, 1)}
        if one:
            both = one["render_sum"] + one["render_sum_backward"]
            entry["step_over_forward_plus_backward"] = round(one["SumLoss.step"] / both, 3)
            for name, ms in one.items():
                if name.startswith("render_alpha"):
                    base = name.split(",")[0].replace("alpha", "sum")
                    entry[f"{name}, over sums"] = round(ms / one[base], 3)
        for (n, threads, name), ms in medians.items():
            if n == count and threads > 1 and one:
                entry[f"{name} speedup, {threads} threads"] = round(one[name] / ms, 3)
        answer.append(entry)
    return answer


def show(target: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{target}: median ms (10th to 90th percentile)")
    for row in rows:
        print(
            f"  N = {row['gaussians']:>6}  s = {row['sigma_px']:<4} threads {row['threads']}"
            f"  {row['operation']:<29} {row['median_ms']:7.2f}"
            f"  ({row['p10_ms']:.2f} to {row['p90_ms']:.2f})"
        )
    for entry in summary(rows):
        print("  " + ", ".join(f"{key}: {value}" for key, value in entry.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--threads", default="1,2", help="numbers of threads, default %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--rows-only", action="store_true", help="print rows as JSON and stop")
    options = parser.parse_args()
    threads = [int(n) for n in options.threads.split(",")]
    if options.rows_only:
        json.dump(measure(options.rounds, threads), sys.stdout)
        return
    targets = {"native": measure(options.rounds, threads)}
    show("native", targets["native"])
    if platform.machine() in ("x86_64", "AMD64"):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.speed.kernels"),
                "--rows-only",
                "--rounds",
                str(options.rounds),
                "--threads",
                options.threads,
            ],
            env=make_environment("avx2"),
            stdout=subprocess.PIPE,
            check=True,
        )
        targets["avx2"] = json.loads(done.stdout)
        show("avx2", targets["avx2"])
    import llvmlite
    import numba

    report = {
        "command": "python -m benchmarks.speed.kernels",
        "date": time.strftime("%Y-%m-%d"),
        "image": {"width": WIDTH, "height": HEIGHT, "channels": CHANNELS},
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count()},
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "numba": numba.__version__,
            "llvmlite": llvmlite.__version__,
        },
        "summary": {target: summary(rows) for target, rows in targets.items()},
        "rows": [{"target": target, **row} for target, rows in targets.items() for row in rows],
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwritten to {options.output}")


if __name__ == "__main__":
    main()
