"""Tables of GaussianImage (Zhang et al., ECCV 2024) for `make`: how they are made anew."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.papers.gaussianimage_published import (
    LADDER,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    TABLE_4_NAMES,
    Settings,
)
from benchmarks.papers.make import Row, Run, Table, mean_of
from gsic import api as codec
from gsic import container, decoding, encoding, metrics, pixels
from gsic.bench.bdrate import Pchip, bd_rate, frontier
from gsic.bench.codecs.registry import BASELINES
from gsic.encoders.gaussianimage.recipe import VARIANTS
from gsic.fitting.result import Fit
from gsic.gaussians import COVARIANCES, compute_factor
from gsic.options import EncodeOptions, count_threads
from gsic.profiles.gaussianimage.bitstream import choose_bits_back
from gsic.profiles.gaussianimage.dequantisation import CUTOFF
from gsic.profiles.gaussianimage.symbols import QuantisedImage
from gsic.profiles.registry import find_by_name
from gsic_kernels import registry
from gsic_kernels.types import Window, round_splats

STEPS = 50000
KODAK_PIXELS = 768 * 512

# 1500 steps at the paper's rate would not let Gaussians grow to their distance: rate and time are
# both stretched in the scaled protocol.
SCALED_FIT = {"learning_rate": 0.01, "lr_halve_every": 600}

_FIT_COLUMNS = ("psnr", "ms_ssim", "seconds", "fps", "memory_mib", "parameters_k")


def table_1(run: Run) -> Table:
    """Table 1: representation at N = 70000."""
    rows = [
        _row("published", f"{name} ({data})", _FIT_COLUMNS, values)
        for data, methods in TABLE_1.items()
        for name, *values in methods
    ]
    for count in run.gaussians or (70000,):
        made = [fit_sample(run, name, image, count, {}) for name, image in run.pictures()]
        rows.append(_measured(run, f"ours, N = {count}", made, _FIT_COLUMNS))
    return _table("GaussianImage, table 1: image representation", _FIT_COLUMNS, rows)


def table_2(run: Run) -> Table:
    """Table 2: codecs at about 0.32 bpp."""
    columns = ("bpp", "psnr", "ms_ssim", "encode_fps", "decode_fps")
    rows = [_row("published", name, columns, values) for name, *values in TABLE_2]
    made: dict[str, list[Row]] = {"GaussianImage": [], "JPEG": [], "JPEG 2000": []}
    for name, image in run.pictures():
        # The paper's 4000 Gaussians are 0.322 bpp of its images before entropy coding.
        count = max(round((0.322 * image.shape[0] * image.shape[1] - 1728) / 56), 1)
        began = time.perf_counter()
        sample = coded_sample(run, name, image, count)
        seconds = time.perf_counter() - began
        sample |= {"bpp": sample["ans_bpp"], "encode_fps": 1.0 / seconds}
        made["GaussianImage"].append(run.note(method="GaussianImage", **sample))
        for label, codec_name, bpp in (
            ("JPEG", "jpeg", 0.3197),
            ("JPEG 2000", "jpeg2000", 0.2394),
        ):
            made[label].append(run.note(method=label, **classic(name, image, codec_name, bpp)))
    for label, samples in made.items():
        rows.append(_measured(run, label, samples, columns))
    return _table("GaussianImage, table 2: codecs", columns, rows)


def table_3(run: Run) -> Table:
    """Table 3: blending, losses and factorisations at N = 30000."""
    columns = ("psnr", "ms_ssim", "seconds", "fps", "parameters_k")
    rows = []
    for row in TABLE_3:
        values = (row.psnr, row.ms_ssim, row.seconds, row.fps, row.parameters)
        rows.append(_row("published", row.name, columns, values))
    for row in TABLE_3:
        if row.how is not None:
            for count in run.gaussians or (30000,):
                made = [
                    fit_sample(run, name, image, count, row.how, row.name)
                    for name, image in run.pictures()
                ]
                rows.append(_measured(run, row.name, made, columns))
    return _table("GaussianImage, table 3: components, N = 30000", columns, rows)


def table_4(run: Run) -> Table:
    """Table 4: quantisation schemes, as differences of rate-distortion curves."""
    columns = ("bd_psnr", "bd_rate", "bd_ms_ssim", "bd_rate_ms_ssim")
    rows = [
        _row("published", TABLE_4_NAMES[name], columns, values) for name, values in TABLE_4.items()
    ]
    variants: dict[str, Settings] = {"default": {}, **VARIANTS}
    variants |= {"RS": {"covariance": "rs"}, "paper": {"variant": "paper"}}
    curves: dict[str, list[Row]] = {name: [] for name in variants}
    for count in run.gaussians or (800, 3000, 5000, 9000):
        made: dict[str, list[Row]] = {name: [] for name in variants}
        for picture, image in run.pictures():
            samples = coded_samples(run, picture, image, scaled_count(run, count), variants)
            for name, sample in samples.items():
                made[name].append(run.note(variant=name, **sample))
        for name, samples_of in made.items():
            curves[name].append(mean_of(samples_of, ("ans_bpp", "psnr_float", "ms_ssim")))
    anchor = curves["default"]
    for name, points in curves.items():
        row: Row = {"kind": run.kind, "method": TABLE_4_NAMES[name]}
        for quality, delta, rate in (
            ("psnr_float", "bd_psnr", "bd_rate"),
            ("ms_ssim", "bd_ms_ssim", "bd_rate_ms_ssim"),
        ):
            one, other = (
                [(point["ans_bpp"], point[quality]) for point in curve]
                for curve in (anchor, points)
            )
            saved = bd_rate(one, other)
            row |= {delta: bd_quality(one, other), rate: saved and saved.percent}
        rows.append(row)
    return _table("GaussianImage, table 4: quantisation", columns, rows)


def ladder(run: Run) -> Table:
    """Figure 4 and its rates: bit-packed, ANS, bits-back, bound."""
    columns = (
        *("gaussians", "packed_bpp", "ans_bpp", "bits_back_bpp", "ans_bits_back_bpp"),
        *("bound_bpp", "psnr", "psnr_float", "ms_ssim"),
    )
    rows = []
    for count, (packed, bits_back, bound, psnr) in LADDER.items():
        row: Row = {"kind": "published", "method": "GaussianImage", "gaussians": count}
        row |= {"packed_bpp": packed, "bits_back_bpp": bits_back, "bound_bpp": bound}
        rows.append(row | {"psnr_float": psnr})
    for count in run.gaussians or tuple(LADDER):
        made = [
            run.note(**coded_sample(run, name, image, scaled_count(run, count)))
            for name, image in run.pictures()
        ]
        rows.append(_measured(run, f"ours, N = {count}", made, columns))
    return _table("GaussianImage, figure 4: rates and quality", columns, rows)


def check(run: Run) -> Table:
    """Bytes against the formula, and three kinds of PSNR, at N = 3000."""
    columns = (
        *("gaussians", "formula_bytes", "packed_bytes", "container_bytes", "psnr_fit", "psnr"),
        *("psnr_float", "ans_saves", "plain", "bits_back_saves", "bits_back_bound"),
    )
    rows = []
    for count in run.gaussians or (3000,):
        for name, image in run.pictures():
            sample = coded_sample(run, name, image, scaled_count(run, count))
            rows.append({"kind": run.kind, "method": name, **run.note(**sample)})
        rows.append(_measured(run, f"mean, N = {count}", rows[-len(run.paths) :], columns))
    title = "GaussianImage: bytes in the file, and PSNR of the float fit, of the 8-bit image, and "
    return _table(title + "as the paper's code measures it (float)", columns, rows)


def fit_sample(
    run: Run,
    name: str,
    image: NDArray[np.uint8],
    count: int,
    how: Settings,
    label: str = "-",
) -> Row:
    """What one float fit is like."""
    count = scaled_count(run, count)
    fitted = float_fit(run, image, count, how)
    drawn, milliseconds = render(fitted, run)
    target = pixels.to_planes(image, pixels.choose_mode(image))
    clamped = np.clip(drawn, 0.0, 1.0)
    return run.note(
        image=name,
        method=label,
        gaussians=count,
        psnr=metrics.psnr(clamped, target),
        ms_ssim=metrics.ms_ssim(clamped, target),
        seconds=fitted.report.seconds,
        fps=1000.0 / milliseconds,
        memory_mib=_gpu_memory(fitted.report.device),
        parameters_k=fitted.report.parameters / 1000.0,
    )


def float_fit(run: Run, image: NDArray[np.uint8], count: int, how: Settings) -> Fit:
    """A fit by the paper's recipe."""
    options: dict[str, Any] = {"covariance": "cholesky", "optimizer": "adan", **how}
    return codec.fit(
        image,
        gaussians=count,
        iterations=run.steps_of(STEPS),
        settings=SCALED_FIT if run.scaled else {},
        seed=run.seed,
        device=run.device,
        threads=run.threads,
        **options,
    )


def render(fitted: Fit, run: Run) -> tuple[NDArray[np.float32], float]:
    """The float drawing of a fit, and the median milliseconds that it takes."""
    backend, threads = registry.get(run.device), count_threads(run.threads)
    factor = compute_factor(COVARIANCES[fitted.covariance].entries(fitted.theta))
    cutoff = np.full(len(fitted.mean), CUTOFF)
    if fitted.opacity is not None:
        cutoff = np.log(np.maximum(255.0 * fitted.opacity, 1e-30))
    splats = round_splats(fitted.mean, factor, fitted.color, cutoff, np.zeros(len(cutoff)))
    window = Window(0, 0, fitted.width, fitted.height)
    background = fitted.background.astype(np.float32)

    def draw() -> NDArray[np.float32]:
        if fitted.opacity is None:
            return backend.render_sum(splats, window, background, threads)
        opacity = fitted.opacity.astype(np.float32)
        return backend.render_alpha(splats, opacity, window, background, threads).image

    times = []
    for _ in range(11):
        began = time.perf_counter()
        image = draw()
        times.append(1000.0 * (time.perf_counter() - began))
    return image, statistics.median(times[1:])


def coded_sample(run: Run, name: str, image: NDArray[np.uint8], count: int) -> Row:
    """What a file is like that is made as the paper makes it."""
    return coded_samples(run, name, image, count, {"default": {}})["default"]


def coded_samples(
    run: Run,
    name: str,
    image: NDArray[np.uint8],
    count: int,
    variants: Mapping[str, Settings],
) -> dict[str, Row]:
    """What files of variants are like that are fine-tuned from one float fit."""
    fits: dict[str, Fit] = {}
    samples = {}
    for variant, settings in variants.items():
        covariance = str(settings.get("covariance", "cholesky"))
        if covariance not in fits:
            fits[covariance] = float_fit(run, image, count, {"covariance": covariance})
        fitted = fits[covariance]
        steps = {"qat_steps": run.steps_of(STEPS)}
        recipe = {**(SCALED_FIT if run.scaled else {}), **steps, "coding": "ans", **settings}
        options = EncodeOptions(profile="gaussianimage", seed=run.seed, settings=recipe)
        encoded = encoding.encode_with_report(
            image, options, init=fitted, device=run.device, threads=run.threads
        )
        sample = {"image": name, "gaussians": count, "psnr_fit": fitted.psnr}
        sample |= {key: getattr(encoded.report, key) for key in ("psnr", "psnr_float", "ms_ssim")}
        sample |= sizes(encoded.data, image.shape[0] * image.shape[1])
        times = [
            decoding.decode_with_report(encoded.data, device=run.device, threads=run.threads).report
            for _ in range(6)
        ]
        median = statistics.median(report.total_ms for report in times[1:])
        samples[variant] = sample | {"decode_fps": 1000.0 / median}
    return samples


def sizes(data: bytes, pixel_count: int) -> Row:
    """Bytes and rates of the same Gaussians, written in every way."""
    profile = find_by_name("gaussianimage")
    file = container.read(data)
    image: QuantisedImage = profile.read(file)

    def file_of(coding: str, strategy: str) -> tuple[int, QuantisedImage]:
        written = choose_bits_back(replace(image, coding=coding, plain=None), strategy)
        parameters, payload = profile.write(written)
        whole = container.write(replace(file, parameters=parameters, payload=payload))
        return len(whole), written

    packed, _ = file_of("packed", "none")
    ans, _ = file_of("ans", "none")
    bits_back, partial = file_of("packed", "partial")
    both, _ = file_of("ans", "partial")
    count, plain = len(image), partial.plain or 0
    floats = image.shape_quantiser.step.size + image.shape_quantiser.origin.size
    floats += sum(array.size for array in image.color_quantiser if isinstance(array, np.ndarray))
    formula = math.ceil(count * image.gaussian_bits / 8) + 4 * floats
    return {
        "formula_bytes": formula,
        "packed_bytes": packed,
        "container_bytes": packed - formula,
        "ans_saves": 8 * (packed - ans),
        "plain": plain,
        "bits_back_saves": 8 * (packed - bits_back),
        "bits_back_bound": factorial_bits(count - plain) - math.log2(max(count - plain, 1)),
        "packed_bpp": 8 * packed / pixel_count,
        "ans_bpp": 8 * ans / pixel_count,
        "bits_back_bpp": 8 * bits_back / pixel_count,
        "ans_bits_back_bpp": 8 * both / pixel_count,
        "bound_bpp": (8 * packed - factorial_bits(count) + math.log2(count)) / pixel_count,
    }


def factorial_bits(count: int) -> float:
    """log2 count!"""
    return math.lgamma(count + 1) / math.log(2)


def classic(name: str, image: NDArray[np.uint8], codec_name: str, bpp: float) -> Row:
    """A file of another codec, of the setting nearest to a rate."""
    baseline = BASELINES[codec_name]
    area = image.shape[0] * image.shape[1]
    settings = range(1, 96) if baseline.knob == "quality" else (bpp,)
    files = {setting: baseline.encode(image, setting) for setting in settings}
    setting = min(files, key=lambda s: abs(8 * len(files[s]) / area - bpp))
    began = time.perf_counter()
    data = baseline.encode(image, setting)
    seconds = time.perf_counter() - began
    channels = 1 if image.ndim == 2 else image.shape[2]
    shown = baseline.decode(data, channels)
    return {
        "image": name,
        "bpp": 8 * len(data) / area,
        "psnr": metrics.psnr(image, shown),
        "ms_ssim": metrics.ms_ssim(image, shown),
        "encode_fps": 1.0 / seconds,
        "decode_fps": 1000.0 / baseline.decode_ms(data, channels),
    }


def bd_quality(anchor: list[tuple[float, float]], test: list[tuple[float, float]]) -> float | None:
    """Mean difference of quality at equal rate, over the common range of log-rate."""
    curves = []
    for points in (anchor, test):
        curve = frontier(points)
        if len(curve) < 2:
            return None
        curves.append(Pchip([math.log(rate) for rate, _ in curve], [value for _, value in curve]))
    low = max(float(curve.x[0]) for curve in curves)
    high = min(float(curve.x[-1]) for curve in curves)
    if low >= high:
        return None
    return (curves[1].integral(low, high) - curves[0].integral(low, high)) / (high - low)


def scaled_count(run: Run, count: int) -> int:
    """As many Gaussians per pixel as `count` are on a Kodak image, in the scaled protocol."""
    return max(round(count * 192 * 192 / KODAK_PIXELS), 1) if run.scaled else count


def _row(kind: str, method: str, columns: tuple[str, ...], values: Any) -> Row:
    return {"kind": kind, "method": method, **dict(zip(columns, values, strict=True))}


def _measured(run: Run, method: str, samples: list[Row], columns: tuple[str, ...]) -> Row:
    return {"kind": run.kind, "method": method, **mean_of(samples, columns)}


def _table(title: str, columns: tuple[str, ...], rows: list[Row]) -> Table:
    return Table(title, ("kind", "method", *columns), rows)


def _gpu_memory(device: str) -> float | None:
    """Peak memory of a GPU in MiB since the process began, None on a CPU."""
    if device != "cuda":
        return None
    import torch

    return torch.cuda.max_memory_allocated() / 2**20


TABLES: dict[str, Callable[[Run], Table]] = {
    "gaussianimage-1": table_1,
    "gaussianimage-2": table_2,
    "gaussianimage-3": table_3,
    "gaussianimage-4": table_4,
    "gaussianimage-ladder": ladder,
    "gaussianimage-check": check,
}
