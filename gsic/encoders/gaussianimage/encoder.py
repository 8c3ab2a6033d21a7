"""An image to a file of profile `gaussianimage`: fit, QAT, fit to budget, code."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import replace

import numpy as np

from gsic.arrays import Float32, Float64
from gsic.encoders.base import Code, Coded, EncodeJob, Encoding
from gsic.encoders.gaussianimage.initial import make_raw_parameters
from gsic.encoders.gaussianimage.qat import train_quantised
from gsic.encoders.gaussianimage.recipe import GaussianImageRecipe, recipe_of_effort
from gsic.errors import InputError, OptionError
from gsic.fitting.adan_fit import optimise
from gsic.fitting.canvas import Canvas, Geometry, sample_initial
from gsic.fitting.losses import make_loss
from gsic.fitting.progress import StepCounter, Tick
from gsic.fitting.result import Fit
from gsic.metrics import psnr_from_sse
from gsic.options import MAX_GAUSSIANS, EncodeOptions
from gsic.profiles.gaussianimage.bitstream import choose_bits_back
from gsic.profiles.gaussianimage.dequantisation import dequantise
from gsic.profiles.gaussianimage.symbols import QuantisedImage

DEFAULT_GAUSSIANS = 3000
"""Number of Gaussians if no rate is asked for: 0.43 bpp of a Kodak image."""

_TICK_STEPS = 100

# Bytes of container and kind.
_CONTAINER_BYTES = 26
# Share of the Gaussians that partial bits-back leaves plain, by which a file size is predicted.
_PLAIN_SHARE = 0.16


def encode(job: EncodeJob) -> Encoding:
    """Fit, train and code the Gaussians of one image.

    The options give the number of Gaussians, or a size that the file may not exceed. A fit to
    continue from must be summed, over black.

    Raises:
        InputError: the size is out of reach; the message names the smallest reachable size.
        OptionError: an unknown setting; a quality or a PSNR, which this profile cannot aim at.
    """
    options = job.options
    recipe = recipe_of_effort(options.effort_or_default).with_settings(options.settings)
    target = np.ascontiguousarray(job.planes[:], np.float32)
    limit = choose_limit(options, target)
    count = choose_count(options, recipe, limit, target.shape[2], job.init)
    loss = make_loss(job.backend, target, "l2", job.threads, stopped=recipe.stops_at_clamp)
    canvas = Canvas(loss, recipe.covariance, target.shape)
    rng = np.random.default_rng(options.seed)
    planned = recipe.qat_steps + (recipe.fit_steps if job.init is None else 0)
    steps = StepCounter(job.progress, planned, _TICK_STEPS)

    raw = fit_floats(canvas, job.init, count, recipe, rng, steps.tick)
    image = train_quantised(canvas, raw, recipe, rng, steps.tick).image
    image = replace(image, coding=recipe.coding)
    image, coded = fit_to_budget(image, recipe.bits_back, limit, options, job.code)
    psnr = psnr_from_sse(_measure_sse(canvas, image), canvas.values)
    return Encoding(coded.data, psnr, steps.done, options.effort_or_default)


def choose_limit(options: EncodeOptions, target: Float32) -> int | None:
    """Return the largest size of the file in bytes; None if a number of Gaussians is asked for.

    Raises:
        OptionError: a quality or a PSNR.
    """
    name, value = options.rate or ("gaussians", DEFAULT_GAUSSIANS)
    if name in ("quality", "psnr"):
        raise OptionError(
            f"{name} and profile gaussianimage exclude each other: give gaussians, bpp or max_bytes"
        )
    if name == "gaussians":
        return None
    pixels = target.shape[0] * target.shape[1]
    return int(value) if name == "max_bytes" else math.floor(value * pixels / 8.0)


def choose_count(
    options: EncodeOptions,
    recipe: GaussianImageRecipe,
    limit: int | None,
    channels: int,
    init: Fit | None,
) -> int:
    """Return the number of Gaussians to fit.

    Args:
        options: the number that is asked for, if any.
        recipe: sizes of the symbols.
        limit: largest size of the file in bytes; None for no limit.
        channels: number of channels C.
        init: fit to continue from, whose number of Gaussians stays the same.

    Raises:
        OptionError: another number of Gaussians than that of `init`.
    """
    if init is not None:
        if options.gaussians not in (None, len(init.mean)):
            raise OptionError(
                f"gaussians {options.gaussians} contradicts the {len(init.mean)} of the fit to "
                "continue from"
            )
        return len(init.mean)
    if limit is None:
        return options.gaussians or DEFAULT_GAUSSIANS
    counts = range(1, MAX_GAUSSIANS)
    fitting = bisect_right(counts, limit, key=lambda n: _predict_file_bytes(n, recipe, channels))
    return max(fitting, 1)


def _predict_file_bytes(count: int, recipe: GaussianImageRecipe, channels: int) -> int:
    """Predict the size of a file of N = `count` Gaussians; packed and in order it is exact."""
    rvq = recipe.color == "rvq"
    vectors = recipe.stages * recipe.codebook if rvq else 2
    size = _CONTAINER_BYTES + 4.0 * (6 + channels * vectors)
    symbols = recipe.stages if rvq else channels
    color_bits = (recipe.codebook - 1).bit_length() if rvq else recipe.color_bits
    bits = 32.0 + 3 * recipe.covariance_bits + symbols * color_bits
    if recipe.coding == "ans":
        bits *= recipe.ans_share
        counts = 2**recipe.covariance_bits + (recipe.codebook if rvq else 2**color_bits)
        # Histograms: about log2(count / 5 + 2) bits for each of their entries.
        size += counts / 8.0 * math.log2(count / 5.0 + 2.0)
    saved = 0.0
    if recipe.bits_back != "none":
        # The order of the Gaussians that are not plain is free: log2 of a factorial (eq. 11).
        plain = 1 if recipe.bits_back == "full" else count * _PLAIN_SHARE
        saved = math.lgamma(count - plain + 1.0) / math.log(2.0)
    return math.ceil(size + (count * bits - saved) / 8.0)


def fit_floats(
    canvas: Canvas,
    init: Fit | None,
    count: int,
    recipe: GaussianImageRecipe,
    rng: np.random.Generator,
    tick: Tick,
) -> Float64:
    """Fit N = `count` float Gaussians, or take those of `init`.

    Returns:
        Raw parameters, float64 (N, 5 + C).

    Raises:
        InputError: `init` is blended, or it has a background.
    """
    if init is not None:
        return make_raw_parameters(init, recipe.covariance)
    raw = sample_initial(count, canvas.channels, rng)
    return optimise(canvas, raw, recipe, recipe.fit_steps, tick)


def fit_to_budget(
    image: QuantisedImage,
    bits_back: str,
    limit: int | None,
    options: EncodeOptions,
    code: Code,
) -> tuple[QuantisedImage, Coded]:
    """Drop the lowest-energy Gaussians until the file fits a limit, and order the others.

    Args:
        image: the Gaussians.
        bits_back: "none", "partial" or "full".
        limit: largest size of the file in bytes; None for no limit.
        options: name the rate in the message.
        code: makes the file.

    Returns:
        The Gaussians that are kept, and their file.

    Raises:
        InputError: a file of one Gaussian is too large; the message names its size.
    """
    order = np.argsort(-_compute_energy(image), kind="stable")

    def drop(dropped: int) -> QuantisedImage:
        return choose_bits_back(image.select(order[: len(order) - dropped]), bits_back)

    whole = drop(0)
    coded = code(whole)
    if limit is None or len(coded.data) <= limit:
        return whole, coded
    most = len(order) - 1
    dropped = bisect_left(range(most), True, key=lambda n: len(code(drop(n)).data) <= limit)
    part = drop(dropped)
    coded = code(part)
    if len(coded.data) > limit:
        name, value = options.rate or ("", 0)
        raise InputError(
            f"{name.replace('_', '-')} {value:g} is out of reach for this image: "
            f"the smallest file takes {len(coded.data)} bytes"
        )
    return part, coded


def _compute_energy(image: QuantisedImage) -> Float64:
    """Compute what each Gaussian adds to the sum of squares of the rendering, float64 (N,)."""
    seen = dequantise(image)
    energy: Float64 = (seen.color**2).sum(axis=1) * np.sqrt(seen.entries.det)
    return np.where(seen.cutoff > 0.0, energy, 0.0)


def _measure_sse(canvas: Canvas, image: QuantisedImage) -> float:
    """Measure the sum of squared errors of the rendering of a file, clamped but not rounded."""
    position = image.position.view(np.float16).astype(np.float64)
    shape = image.shape_quantiser.dequantise(image.shape)
    geometry = Geometry(canvas.covariance, canvas.width, canvas.height, position, shape)
    color = image.color_quantiser.dequantise(image.color)
    return canvas.loss.sse(geometry.make_splats(color), np.zeros(canvas.channels, np.float32))
