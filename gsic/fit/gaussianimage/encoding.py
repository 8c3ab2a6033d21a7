"""An image to a file of profile `gaussianimage`: fit, fine-tuning, the file."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import replace
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from gsic.errors import InputError, OptionError
from gsic.fit.encoding import Encoding
from gsic.fit.gaussian_fit import psnr_of
from gsic.fit.gaussianimage.canvas import Canvas, Geometry, random_start
from gsic.fit.gaussianimage.float_fit import optimise
from gsic.fit.gaussianimage.recipe import GaussianImageRecipe, encode_recipe
from gsic.fit.gaussianimage.start import raw_of_fit
from gsic.fit.gaussianimage.tuning import Tuning
from gsic.fit.goal import Coded
from gsic.fit.losses import objective
from gsic.fit.result import Fit
from gsic.gaussians import Float64
from gsic.options import MAX_GAUSSIANS, EncodeOptions, replace_known
from gsic.profiles.gaussianimage import Quantised, drawing
from gsic.profiles.gaussianimage_streams import with_bits_back
from gsic_kernels.registry import Backend

Float32 = NDArray[np.float32]
Progress = Callable[[int, int, str], None]

DEFAULT_GAUSSIANS = 3000
"""How many without any rate: 0.43 bpp of a Kodak image."""

_TICK_STEPS = 100

# Bytes of container and kind, and how many of the Gaussians partial bits-back leaves plain.
_CONTAINER_BYTES = 26
_PLAIN_SHARE = 0.16


def encode(
    planes: Float32,
    options: EncodeOptions,
    code: Callable[[Any], Coded],
    *,
    init: Fit | None,
    backend: Backend,
    threads: int,
    progress: Progress | None,
) -> Encoding:
    """Fit, fine-tune and code Gaussians.

    Args:
        planes: float32 (H, W, C), 0..1, colour premultiplied by alpha.
        options: the number of Gaussians, or a size that the file may not exceed; effort, seed and
            settings of `GaussianImageRecipe`.
        code: makes the complete file of Gaussians in any order.
        init: a fit of the same size in place of a float fit; summed, and over black.
        backend: kernels.
        threads: CPU threads.
        progress: called with (done, total, text).

    Raises:
        InputError: a size out of reach; the message names the nearest in reach.
        OptionError: an unknown setting; a quality or a PSNR, which this profile does not aim at.
    """
    recipe: GaussianImageRecipe = replace_known(encode_recipe(options.effort), options.settings)
    target = np.ascontiguousarray(planes, np.float32)
    limit = _limit(options, target)
    count = _count(options, recipe, limit, target.shape[2], init)
    loss = objective(backend, target, "l2", threads, stopped=recipe.stopped)
    canvas = Canvas(loss, recipe.covariance, target.shape)
    rng = np.random.default_rng(options.seed)
    iterations = 0
    planned = recipe.tune_steps + (recipe.fit_steps if init is None else 0)

    def tick(loss: SupportsFloat, gaussians: int) -> None:
        nonlocal iterations
        iterations += 1
        if progress and iterations % _TICK_STEPS == 0:
            text = f"{gaussians} Gaussians, {psnr_of(float(loss), 1):.2f} dB"
            progress(iterations, planned, text)

    if init is None:
        start = random_start(count, target.shape[2], rng)
        raw = optimise(canvas, start, recipe, recipe.fit_steps, tick)
    else:
        raw = raw_of_fit(init, recipe.covariance)
    best = Tuning(canvas, raw, recipe, rng).run(recipe.tune_steps, tick)
    image = replace(best.image, coding=recipe.coding)
    image, coded = _landed(image, recipe.bits_back, limit, options, code)
    return Encoding(coded.data, psnr_of(_sse(canvas, image), canvas.values), iterations)


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
    image: Quantised,
    bits_back: str,
    limit: int | None,
    options: EncodeOptions,
    code: Callable[[Any], Coded],
) -> tuple[Quantised, Coded]:
    """The file, without so many of the faintest Gaussians that it is not too large."""
    order = np.argsort(-_energy(image), kind="stable")

    def kept(dropped: int) -> Quantised:
        return with_bits_back(image.take(order[: len(order) - dropped]), bits_back)

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


def _energy(image: Quantised) -> Float64:
    """What each Gaussian adds to the sum of squares of the picture, float64 (N,)."""
    seen = drawing(image)
    energy: Float64 = (seen.color**2).sum(axis=1) * np.sqrt(seen.moments.det)
    return np.where(seen.reach > 0.0, energy, 0.0)


def _sse(canvas: Canvas, image: Quantised) -> float:
    """Sum of squared errors of what a file draws, clamped but not rounded."""
    position = image.position.view(np.float16).astype(np.float64)
    shape = image.shape_grid.values(image.shape)
    geometry = Geometry(canvas.covariance, canvas.width, canvas.height, position, shape)
    color = image.palette.values(image.color)
    return canvas.objective.sse(geometry.splats(color), np.zeros(canvas.channels, np.float32))
