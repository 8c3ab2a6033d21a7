"""An image to a file of profile `gaussianimage`: fit, fine-tuning, the file."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import replace
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.encoders.base import Code, Coded, EncodeJob, Encoding
from gsic.encoders.gaussianimage.initial import raw_of_fit
from gsic.encoders.gaussianimage.qat import Tuning
from gsic.encoders.gaussianimage.recipe import GaussianImageRecipe, recipe_of_effort
from gsic.errors import InputError, OptionError
from gsic.fitting.adan_fit import optimise
from gsic.fitting.canvas import Canvas, Geometry, random_start
from gsic.fitting.losses import objective
from gsic.fitting.result import Fit
from gsic.metrics import psnr_from_sse
from gsic.options import MAX_GAUSSIANS, EncodeOptions
from gsic.profiles.gaussianimage.bitstream import choose_bits_back
from gsic.profiles.gaussianimage.dequantisation import dequantise
from gsic.profiles.gaussianimage.symbols import QuantisedImage

Float32 = NDArray[np.float32]

DEFAULT_GAUSSIANS = 3000
"""How many without any rate: 0.43 bpp of a Kodak image."""

_TICK_STEPS = 100

# Bytes of container and kind, and how many of the Gaussians partial bits-back leaves plain.
_CONTAINER_BYTES = 26
_PLAIN_SHARE = 0.16


def encode(job: EncodeJob) -> Encoding:
    """Fit, fine-tune and code the Gaussians of one image.

    The options give the number of Gaussians, or a size that the file may not exceed. A fit to
    continue from must be summed, and over black.

    Raises:
        InputError: a size out of reach; the message names the nearest reachable size.
        OptionError: an unknown setting; a quality or a PSNR, which this profile cannot aim at.
    """
    options, backend, progress = job.options, job.backend, job.progress
    recipe = recipe_of_effort(options.effort).with_settings(options.settings)
    target = np.ascontiguousarray(job.planes, np.float32)
    limit = _limit(options, target)
    count = _count(options, recipe, limit, target.shape[2], job.init)
    loss = objective(backend, target, "l2", job.threads, stopped=recipe.stops_at_clamp)
    canvas = Canvas(loss, recipe.covariance, target.shape)
    rng = np.random.default_rng(options.seed)
    iterations = 0
    planned = recipe.qat_steps + (recipe.fit_steps if job.init is None else 0)

    def tick(loss: SupportsFloat, gaussians: int) -> None:
        nonlocal iterations
        iterations += 1
        if progress and iterations % _TICK_STEPS == 0:
            text = f"{gaussians} Gaussians, {psnr_from_sse(float(loss), 1):.2f} dB"
            progress(iterations, planned, text)

    if job.init is None:
        start = random_start(count, target.shape[2], rng)
        raw = optimise(canvas, start, recipe, recipe.fit_steps, tick)
    else:
        raw = raw_of_fit(job.init, recipe.covariance)
    best = Tuning(canvas, raw, recipe, rng).run(recipe.qat_steps, tick)
    image = replace(best.image, coding=recipe.coding)
    image, coded = _landed(image, recipe.bits_back, limit, options, job.code)
    return Encoding(coded.data, psnr_from_sse(_sse(canvas, image), canvas.values), iterations)


def _limit(options: EncodeOptions, target: Float32) -> int | None:
    """Bytes that the file may have, if that was asked for."""
    name, value = options.rate or ("gaussians", DEFAULT_GAUSSIANS)
    if name in ("quality", "psnr"):
        raise OptionError(
            f"{name} and profile gaussianimage exclude each other: give gaussians, bpp or max_bytes"
        )
    if name == "gaussians":
        return None
    pixels = target.shape[0] * target.shape[1]
    return int(value) if name == "max_bytes" else math.floor(value * pixels / 8.0)


def _count(
    options: EncodeOptions,
    recipe: GaussianImageRecipe,
    limit: int | None,
    channels: int,
    init: Fit | None,
) -> int:
    """How many Gaussians to fit."""
    asked = options.gaussians or DEFAULT_GAUSSIANS
    if init is not None:
        if options.gaussians not in (None, len(init.mean)):
            raise OptionError(
                f"gaussians {options.gaussians} contradicts the {len(init.mean)} of the fit to "
                "continue from"
            )
        return len(init.mean)
    if limit is None:
        return asked
    counts = range(1, MAX_GAUSSIANS)
    fitting = bisect_right(counts, limit, key=lambda n: _file_bytes(n, recipe, channels))
    return max(fitting, 1)


def _file_bytes(count: int, recipe: GaussianImageRecipe, channels: int) -> int:
    """About how many bytes a file takes; with packed Gaussians in their order, exactly."""
    rvq = recipe.color == "rvq"
    vectors = recipe.stages * recipe.codebook if rvq else 2
    size = _CONTAINER_BYTES + 4.0 * (6 + channels * vectors)
    symbols = recipe.stages if rvq else channels
    color_bits = (recipe.codebook - 1).bit_length() if rvq else recipe.color_bits
    bits = 32.0 + 3 * recipe.covariance_bits + symbols * color_bits
    if recipe.coding == "ans":
        bits *= recipe.ans_share
        counts = 2**recipe.covariance_bits + (recipe.codebook if rvq else 2**color_bits)
        size += counts / 8.0 * math.log2(count / 5.0 + 2.0)
    saved = 0.0
    if recipe.bits_back != "none":
        plain = 1 if recipe.bits_back == "full" else count * _PLAIN_SHARE
        saved = math.lgamma(count - plain + 1.0) / math.log(2.0)
    return math.ceil(size + (count * bits - saved) / 8.0)


def _landed(
    image: QuantisedImage,
    bits_back: str,
    limit: int | None,
    options: EncodeOptions,
    code: Code,
) -> tuple[QuantisedImage, Coded]:
    """The file, without so many of the faintest Gaussians that it is not too large."""
    order = np.argsort(-_energy(image), kind="stable")

    def kept(dropped: int) -> QuantisedImage:
        return choose_bits_back(image.select(order[: len(order) - dropped]), bits_back)

    whole = kept(0)
    coded = code(whole)
    if limit is None or len(coded.data) <= limit:
        return whole, coded
    most = len(order) - 1
    dropped = bisect_left(range(most), True, key=lambda n: len(code(kept(n)).data) <= limit)
    part = kept(dropped)
    coded = code(part)
    if len(coded.data) > limit:
        name, value = options.rate or ("", 0)
        raise InputError(
            f"{name.replace('_', '-')} {value:g} is out of reach for this image: "
            f"the smallest file takes {len(coded.data)} bytes"
        )
    return part, coded


def _energy(image: QuantisedImage) -> Float64:
    """What each Gaussian adds to the sum of squares of the picture, float64 (N,)."""
    seen = dequantise(image)
    energy: Float64 = (seen.color**2).sum(axis=1) * np.sqrt(seen.entries.det)
    return np.where(seen.cutoff > 0.0, energy, 0.0)


def _sse(canvas: Canvas, image: QuantisedImage) -> float:
    """Sum of squared errors of what a file draws, clamped but not rounded."""
    position = image.position.view(np.float16).astype(np.float64)
    shape = image.shape_quantiser.dequantise(image.shape)
    geometry = Geometry(canvas.covariance, canvas.width, canvas.height, position, shape)
    color = image.color_quantiser.dequantise(image.color)
    return canvas.objective.sse(geometry.splats(color), np.zeros(canvas.channels, np.float32))
