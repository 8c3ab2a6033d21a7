"""An image to a file of the profile `2dgs`: by a number of Gaussians, or within so many bytes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsic.encoders.base import Coded, EncodeJob, Encoding
from gsic.encoders.two_dgs.parameters import Attributes, draw
from gsic.encoders.two_dgs.ptq import quantised, tried_bits, without
from gsic.encoders.two_dgs.recipe import ADAPTIVE_ROWS, TwoDgsRecipe, adaptive_clusters, recipe_of
from gsic.encoders.two_dgs.training import Trained, Training
from gsic.errors import InputError, OptionError
from gsic.metrics import psnr_from_sse
from gsic.profiles.two_dgs.bitstream import estimate_bytes
from gsic.profiles.two_dgs.parameters import MAX_GAUSSIANS
from gsic.profiles.two_dgs.symbols import Grid, QuantisedImage, make_empty_image
from gsic_kernels.types import Splats, Window

Float32 = NDArray[np.float32]

DEFAULT_GAUSSIANS = 500
_RATES = ("gaussians", "bpp", "max_bytes")

_TICK_STEPS = 20

# Gaussians that a file of a given size holds over those that its fit begins with. Growth that ends
# early leaves time to optimise what it brought.
_EXPECTED_GROWTH = 1.1

# A file smaller than this share of what was asked for is fitted again with more Gaussians.
_LEAST_SHARE = 0.97
_ATTEMPTS = 3


class _Plan(NamedTuple):
    """Gaussians to begin with, the most there may be, and rows of each codebook."""

    first: int
    most: int
    clusters: int


def encode(job: EncodeJob) -> Encoding:
    """Fit, quantise and code the Gaussians of one image.

    The options give the number of Gaussians to begin with, or a size that the file may not exceed
    and that the number of Gaussians follows.

    Raises:
        InputError: the size is out of reach; the message names the smallest reachable size.
        OptionError: an option that this profile does not take, or an unknown setting; a fit to
            continue from, which this profile does not do.
    """
    options = job.options
    if job.init is not None:
        raise OptionError("init: profile 2dgs does not continue from a fit")
    name, value = options.rate or ("gaussians", DEFAULT_GAUSSIANS)
    if name not in _RATES:
        raise OptionError(f"profile 2dgs takes {', '.join(_RATES)}, not {name}")
    recipe = recipe_of(options.effort, options.settings)
    encoder = _Encoder(job, recipe)
    if name == "gaussians":
        return encoder.by_count(int(value))
    pixels = job.planes.shape[0] * job.planes.shape[1]
    limit = int(value) if name == "max_bytes" else math.floor(value * pixels / 8.0)
    return encoder.by_size(limit, name, value)


class _Encoder:
    """What stays the same while one image is encoded."""

    def __init__(self, job: EncodeJob, recipe: TwoDgsRecipe) -> None:
        self.planes = np.ascontiguousarray(job.planes, np.float32)
        self.seed, self.recipe = job.options.seed, recipe
        self.code, self.backend = job.code, job.backend
        self.threads, self.progress = job.threads, job.progress
        height, width, self.channels = self.planes.shape
        pitch = 2 if recipe.resolution == "half" else 1
        self.grid = Grid(width, height, pitch, recipe.axes == "normalised")
        self.iterations, self.planned = 0, recipe.steps

    def by_count(self, first: int) -> Encoding:
        """Begin with so many Gaussians."""
        if first > MAX_GAUSSIANS:
            raise OptionError(f"profile 2dgs holds {MAX_GAUSSIANS} Gaussians, got {first}")
        most = min(int(self.recipe.growth * first), MAX_GAUSSIANS)
        plan = _Plan(first, most, self.recipe.clusters or adaptive_clusters(first))
        candidates = self._candidates(self._trained(plan))
        return self._encoding(*max(candidates, key=_value))

    def by_size(self, limit: int, name: str, asked: float) -> Encoding:
        """As many Gaussians as a file of `limit` bytes holds, with the best of a few numbers."""
        nothing = make_empty_image(self.grid, self.channels)
        bare = self.code(nothing)
        if len(bare.data) > limit:
            least: float = len(bare.data)
            if name == "bpp":
                least = 8 * least / (self.grid.width * self.grid.height)
            raise InputError(
                f"{name.replace('_', '-')} {asked:g} is out of reach for this image: "
                f"the smallest file takes {least:.4g}"
            )
        plan = self._plan(limit - len(bare.data))
        if plan is None:
            return self._encoding(nothing, bare)
        best: tuple[QuantisedImage, Coded] | None = None
        for attempt in range(_ATTEMPTS):
            self.planned = (attempt + 1) * self.recipe.steps
            scene, coded = self._within(limit, self._trained(plan))
            if best is None or coded.psnr > best[1].psnr:
                best = scene, coded
            if len(coded.data) >= _LEAST_SHARE * limit or plan.first == plan.most:
                break
            more = plan.most / max(len(scene), 1)
            plan = plan._replace(first=min(math.ceil(plan.first * more), plan.most))
        assert best is not None
        return self._encoding(*best)

    def _plan(self, size: int) -> _Plan | None:
        """Numbers of Gaussians for a size in bytes beside the container; None where none fits."""
        plan = None
        fixed = self.recipe.clusters
        for rows in [fixed] if fixed else ADAPTIVE_ROWS:
            most = self._most(size, rows)
            if most == 0:
                continue
            first = max(math.ceil(most / min(_EXPECTED_GROWTH, self.recipe.growth)), 1)
            if self.recipe.control == "none":
                first = most
            if plan is None or adaptive_clusters(first) >= rows:
                plan = _Plan(first, most, rows)
        return plan

    def _most(self, size: int, rows: int) -> int:
        """Gaussians that a file of `size` bytes beside the container holds."""
        low, high = 0, MAX_GAUSSIANS
        while low < high:
            middle = (low + high + 1) // 2
            bits = self.recipe.position_bits, max(middle.bit_length() - 1, 1)
            if estimate_bytes(middle, min(rows, middle), self.channels, *bits) <= size:
                low = middle
            else:
                high = middle - 1
        return low

    def _trained(self, plan: _Plan) -> Trained:
        recipe, backend, threads = self.recipe, self.backend, self.threads
        training = Training(self.planes, recipe, *plan, self.seed, backend, threads)
        return training.run(self._tick)

    def _candidates(self, trained: Trained) -> list[tuple[QuantisedImage, Coded]]:
        """Scenes of the bits of codebooks that are tried, with their files."""
        scenes = [
            quantised(self.recipe, self.grid, trained, bits)
            for bits in tried_bits(self.recipe, trained)
        ]
        return [(scene, self.code(scene)) for scene in scenes]

    def _within(self, limit: int, trained: Trained) -> tuple[QuantisedImage, Coded]:
        """The best scene of at most `limit` bytes, without the least visible ones if need be."""
        candidates = self._candidates(trained)
        fitting = [each for each in candidates if len(each[1].data) <= limit]
        if fitting:
            return max(fitting, key=_value)
        scene, _ = min(candidates, key=lambda each: len(each[1].data))
        order = np.argsort(-self._visibility(scene), kind="stable")
        nothing = make_empty_image(self.grid, self.channels)
        best = nothing, self.code(nothing)
        low, high = 0, len(order) - 1
        while low <= high:
            middle = (low + high + 1) // 2
            shorter = without(scene, np.sort(order[:middle]))
            coded = self.code(shorter)
            if len(coded.data) <= limit:
                best, low = (shorter, coded), middle + 1
            else:
                high = middle - 1
        return best

    def _visibility(self, scene: QuantisedImage) -> NDArray[np.float32]:
        """How much of the image each Gaussian is, in px, float32 (N,)."""
        arguments = self._drawn(scene)
        blended = self.backend.render_alpha(*arguments, self.threads)
        ones = np.zeros_like(blended.image)
        ones[..., 0] = 1.0
        gradients = self.backend.render_alpha_backward(*arguments, blended, ones, self.threads)
        return np.ascontiguousarray(gradients.color[:, 0])

    def _encoding(self, scene: QuantisedImage, coded: Coded) -> Encoding:
        drawn = self.backend.render_alpha(*self._drawn(scene), self.threads).image
        error = np.square(np.clip(drawn, 0.0, 1.0) - self.planes, dtype=np.float64).sum()
        return Encoding(coded.data, psnr_from_sse(float(error), self.planes.size), self.iterations)

    def _drawn(self, scene: QuantisedImage) -> tuple[Splats, Float32, Window, Float32]:
        position = scene.position_quantiser.dequantise(scene.position)
        attributes = Attributes(position, scene.shapes.dequantise(), scene.colors.dequantise())
        drawn = draw(self.grid, attributes, normalise=False)
        window = Window(0, 0, self.grid.width, self.grid.height)
        return drawn.splats, drawn.opacity, window, np.zeros(self.channels, np.float32)

    def _tick(self, error: float, count: int) -> None:
        self.iterations += 1
        if self.progress and self.iterations % _TICK_STEPS == 0:
            psnr = psnr_from_sse(error, 1)
            done = min(self.iterations, self.planned)
            self.progress(done, self.planned, f"{count} Gaussians, {psnr:.2f} dB")


def _value(candidate: tuple[QuantisedImage, Coded]) -> float:
    """PSNR per byte, by which the public code chooses bits."""
    _, coded = candidate
    return coded.psnr / len(coded.data)
