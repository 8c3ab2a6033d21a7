"""One iteration of a fit against its kernels forward plus backward. Writes iteration-cpu.json.

The Gaussians are fitted ones; all three take turns, so that a busy machine slows all of them.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gsic import images
from gsic.bench import machine
from gsic.fitting.adam_fit import Schedule, optimise
from gsic.fitting.adam_state_gpu import make_gaussian_fit
from gsic.fitting.losses import make_loss
from gsic.fitting.recipe import FitRecipe
from gsic.gaussians import COVARIANCES
from gsic_kernels import registry
from gsic_kernels.types import Window


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("image", type=Path, help="an image of 768x512, for example kodim03.png")
    parser.add_argument("--gaussians", type=int, default=3000)
    parser.add_argument("--steps", type=int, default=300, help="of the fit before")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    arguments = parser.parse_args()

    image = images.load(arguments.image).image
    planes = np.ascontiguousarray(image, np.float32) / np.float32(255)
    rows = [measured(planes, arguments, threads) for threads in (1, 2)]
    command = f"python -m benchmarks.speed.iteration {arguments.image.name}"
    result = {**machine.stamp(command), "image": arguments.image.name, "rows": rows}
    (arguments.results / "iteration-cpu.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0


def measured(planes: Any, arguments: argparse.Namespace, threads: int) -> dict[str, Any]:
    backend = registry.get("cpu")
    fit = make_gaussian_fit(
        backend,
        planes,
        "l2",
        make_loss(backend, planes, "l2", threads),
        planes.mean(axis=(0, 1), dtype=np.float64),
        COVARIANCES["log"],
        FitRecipe(),
        on_lattices=True,
    )
    schedule = Schedule(fit.recipe, arguments.steps)
    rng = np.random.default_rng(0)
    optimise(fit, planes, arguments.gaussians, arguments.steps, schedule, rng, lambda *_: None)
    splats, background = fit.make_splats(), fit.background.astype(np.float32)
    window = Window(0, 0, planes.shape[1], planes.shape[0])
    tasks: dict[str, Callable[[], Any]] = {
        "forward": lambda: backend.render_sum(splats, window, background, threads),
        "backward": lambda: backend.render_sum_backward(splats, window, planes, threads),
        "iteration": lambda: fit.step(1e-6),
    }
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(arguments.rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            times[name].append(1e3 * (time.perf_counter() - start))
    ms = {name: round(statistics.median(values), 3) for name, values in times.items()}
    ratio = round(ms["iteration"] / (ms["forward"] + ms["backward"]), 3)
    row = {"gaussians": len(fit), "threads": threads, "median_ms": ms, "ratio": ratio}
    print(row, flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
