"""An image to a file of profile `2dgs`: training, quantisation, fit to budget, code."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np

from gsic.arrays import Float32
from gsic.encoders.base import Code, Coded, EncodeJob, Encoding
from gsic.encoders.two_dgs.parameters import Attributes, forward
from gsic.encoders.two_dgs.ptq import list_bits, quantise, select
from gsic.encoders.two_dgs.recipe import ADAPTIVE_ROWS, TwoDgsRecipe, adaptive_clusters, recipe_of
from gsic.encoders.two_dgs.training import Plan, Trained, train
from gsic.errors import InputError, OptionError
from gsic.fitting.progress import StepCounter
from gsic.metrics import psnr_from_sse
from gsic.options import EncodeOptions
from gsic.profiles.two_dgs.bitstream import estimate_bytes
from gsic.profiles.two_dgs.parameters import MAX_GAUSSIANS
from gsic.profiles.two_dgs.symbols import Grid, QuantisedImage, make_empty_image
from gsic_kernels.backend import Backend
from gsic_kernels.types import Splats, Window

DEFAULT_GAUSSIANS = 500
"""Number of Gaussians to begin with if no rate is asked for."""

_RATES = ("gaussians", "bpp", "max_bytes")

_TICK_STEPS = 20

# Gaussians that a file of a given size holds over those that its training begins with. Growth that
# ends early leaves time to optimise the added Gaussians.
_EXPECTED_GROWTH = 1.1

# A file smaller than this share of the limit is trained again with more Gaussians.
_MIN_SHARE = 0.97
_MAX_ATTEMPTS = 3

Candidate: TypeAlias = tuple[QuantisedImage, Coded]
"""A quantised scene and its file."""


class Target(NamedTuple):
    """What scenes are compared with.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        grid: of the file.
        backend: kernels.
        threads: number of CPU threads.
    """

    planes: Float32
    grid: Grid
    backend: Backend
    threads: int


def encode(job: EncodeJob) -> Encoding:
    """Train, quantise and code the Gaussians of one image.

    The options give the number of Gaussians to begin with, or a size that the file may not exceed
    and from which the number of Gaussians follows.

    Raises:
        InputError: the size is out of reach; the message names the smallest reachable size.
        OptionError: an option that this profile does not take, or an unknown setting; a fit to
            continue from, which this profile does not do.
    """
    options = job.options
    _check_options(job)
    effort = options.effort_or_default
    recipe = recipe_of(effort, options.settings)
    target = _make_target(job, recipe)
    height, width, channels = target.planes.shape
    nothing = make_empty_image(target.grid, channels)
    limit = choose_limit(options, width * height)
    if limit is None:
        plan = plan_count(recipe, options.gaussians or DEFAULT_GAUSSIANS)
    else:
        bare = job.code(nothing)
        _check_reach(options, len(bare.data), limit, width * height)
        planned = plan_size(recipe, channels, limit - len(bare.data))
        if planned is None:
            return Encoding(bare.data, measure_psnr(target, nothing), 0, effort)
        plan = planned

    steps = StepCounter(job.progress, 0, _TICK_STEPS)
    best: Candidate | None = None
    for _ in range(1 if limit is None else _MAX_ATTEMPTS):
        steps.planned += recipe.steps
        trained = train(
            target.planes, recipe, plan, options.seed, job.backend, job.threads, steps.tick
        )
        candidates = quantise_trained(recipe, target.grid, trained, job.code)
        if limit is None:
            best = max(candidates, key=_psnr_per_byte)
            break
        scene, coded = fit_to_budget(target, candidates, limit, job.code)
        if best is None or coded.psnr > best[1].psnr:
            best = scene, coded
        if len(coded.data) >= _MIN_SHARE * limit or plan.first == plan.most:
            break
        plan = _add_gaussians(plan, len(scene))
    assert best is not None
    scene, coded = best
    return Encoding(coded.data, measure_psnr(target, scene), steps.done, effort)


def _check_options(job: EncodeJob) -> None:
    if job.init is not None:
        raise OptionError("init: profile 2dgs does not continue from a fit")
    if job.options.rate and job.options.rate[0] not in _RATES:
        raise OptionError(f"profile 2dgs takes {', '.join(_RATES)}, not {job.options.rate[0]}")


def _make_target(job: EncodeJob, recipe: TwoDgsRecipe) -> Target:
    planes = np.ascontiguousarray(job.planes[:], np.float32)
    height, width, _ = planes.shape
    pitch = 2 if recipe.resolution == "half" else 1
    grid = Grid(width, height, pitch, recipe.axes == "normalised")
    return Target(planes, grid, job.backend, job.threads)


def choose_limit(options: EncodeOptions, pixels: int) -> int | None:
    """Return the largest size of the file in bytes; None if a number of Gaussians is asked for."""
    if options.max_bytes is not None:
        return options.max_bytes
    return None if options.bpp is None else math.floor(options.bpp * pixels / 8.0)


def _check_reach(options: EncodeOptions, least_bytes: int, limit: int, pixels: int) -> None:
    """Refuse a limit below the size of a file without Gaussians, `least_bytes`."""
    if least_bytes <= limit:
        return
    name, asked = options.rate or ("", 0)
    least = 8 * least_bytes / pixels if name == "bpp" else least_bytes
    raise InputError(
        f"{name.replace('_', '-')} {asked:g} is out of reach for this image: "
        f"the smallest file takes {least:.4g}"
    )


def plan_count(recipe: TwoDgsRecipe, first: int) -> Plan:
    """Plan a training that begins with `first` Gaussians.

    Raises:
        OptionError: more Gaussians than a file holds.
    """
    if first > MAX_GAUSSIANS:
        raise OptionError(f"profile 2dgs holds {MAX_GAUSSIANS} Gaussians, got {first}")
    most = min(int(recipe.growth * first), MAX_GAUSSIANS)
    return Plan(first, most, recipe.clusters or adaptive_clusters(first))


def plan_size(recipe: TwoDgsRecipe, channels: int, size: int) -> Plan | None:
    """Plan a training whose file takes `size` bytes beside the container.

    Returns:
        The plan with the largest codebooks that suit its number of Gaussians; None if the size
        holds no Gaussian.
    """
    plan = None
    for rows in [recipe.clusters] if recipe.clusters else ADAPTIVE_ROWS:
        most = _count_gaussians(recipe, channels, size, rows)
        if most == 0:
            continue
        first = max(math.ceil(most / min(_EXPECTED_GROWTH, recipe.growth)), 1)
        if recipe.control == "none":
            first = most
        if plan is None or adaptive_clusters(first) >= rows:
            plan = Plan(first, most, rows)
    return plan


def _count_gaussians(recipe: TwoDgsRecipe, channels: int, size: int, rows: int) -> int:
    """Return how many Gaussians `size` bytes beside the container hold, by binary search."""
    low, high = 0, MAX_GAUSSIANS
    while low < high:
        middle = (low + high + 1) // 2
        bits = recipe.position_bits, max(middle.bit_length() - 1, 1)
        if estimate_bytes(middle, min(rows, middle), channels, *bits) <= size:
            low = middle
        else:
            high = middle - 1
    return low


def _add_gaussians(plan: Plan, count: int) -> Plan:
    """Begin with more Gaussians, after a training that ended with `count` of them."""
    more = plan.most / max(count, 1)
    return plan._replace(first=min(math.ceil(plan.first * more), plan.most))


def quantise_trained(
    recipe: TwoDgsRecipe, grid: Grid, trained: Trained, code: Code
) -> list[Candidate]:
    """Quantise and code trained Gaussians with each number of bits that the recipe tries."""
    count = len(trained.position)
    scenes = [quantise(recipe, grid, trained, bits) for bits in list_bits(recipe, count)]
    return [(scene, code(scene)) for scene in scenes]


def fit_to_budget(target: Target, candidates: list[Candidate], limit: int, code: Code) -> Candidate:
    """Return the best candidate that fits a limit, without the least visible Gaussians if need be.

    Args:
        target: the image, for visibilities.
        candidates: one or more.
        limit: largest size of the file in bytes, at least that of a file without Gaussians.
        code: makes the file.
    """
    fitting = [candidate for candidate in candidates if len(candidate[1].data) <= limit]
    if fitting:
        return max(fitting, key=_psnr_per_byte)
    scene, _ = min(candidates, key=lambda candidate: len(candidate[1].data))
    order = np.argsort(-_measure_visibility(target, scene), kind="stable")
    nothing = make_empty_image(target.grid, target.planes.shape[2])
    best = nothing, code(nothing)
    low, high = 0, len(order) - 1
    while low <= high:
        middle = (low + high + 1) // 2
        # Sorted, because the order of the Gaussians is that of blending.
        part = select(scene, np.sort(order[:middle]))
        coded = code(part)
        if len(coded.data) <= limit:
            best, low = (part, coded), middle + 1
        else:
            high = middle - 1
    return best


def _measure_visibility(target: Target, scene: QuantisedImage) -> Float32:
    """Measure how much of the image each Gaussian covers, in px, float32 (N,).

    It is the gradient of the sum of one channel by the colour of each Gaussian.
    """
    arguments = _prepare_rendering(target, scene)
    blended = target.backend.render_alpha(*arguments, target.threads)
    ones = np.zeros_like(blended.image)
    ones[..., 0] = 1.0
    gradients = target.backend.render_alpha_backward(*arguments, blended, ones, target.threads)
    return np.ascontiguousarray(gradients.color[:, 0])


def measure_psnr(target: Target, scene: QuantisedImage) -> float:
    """Measure the PSNR in dB of the rendering of a scene, clamped but not rounded."""
    image = target.backend.render_alpha(*_prepare_rendering(target, scene), target.threads).image
    sse = np.square(np.clip(image, 0.0, 1.0) - target.planes, dtype=np.float64).sum()
    return psnr_from_sse(float(sse), target.planes.size)


def _prepare_rendering(
    target: Target, scene: QuantisedImage
) -> tuple[Splats, Float32, Window, Float32]:
    """Return the arguments of `render_alpha` for a scene over black."""
    position = scene.position_quantiser.dequantise(scene.position)
    attributes = Attributes(position, scene.shapes.dequantise(), scene.colors.dequantise())
    state = forward(target.grid, attributes, normalise=False)
    height, width, channels = target.planes.shape
    return state.splats, state.opacity, Window(0, 0, width, height), np.zeros(channels, np.float32)


def _psnr_per_byte(candidate: Candidate) -> float:
    """PSNR per byte, the criterion by which the public code chooses the number of bits."""
    _, coded = candidate
    return coded.psnr / len(coded.data)
