"""The last stage of the encoder: Gaussians are left out until the file meets its target."""

from __future__ import annotations

import numpy as np

from gsic.arrays import Float32, Float64
from gsic.encoders.base import Encoding
from gsic.encoders.gsic.context import EncoderContext
from gsic.encoders.gsic.qat import WeightAt
from gsic.encoders.gsic.rate_control import Target
from gsic.metrics import psnr_from_sse
from gsic.profiles.gsic.dequantisation import Dequantised, dequantise_gaussians
from gsic.profiles.gsic.symbols import QuantisedImage


def fit_to_budget(context: EncoderContext, target: Target, state: QuantisedImage) -> Encoding:
    """Leave out as many of the least valuable Gaussians as a target allows or asks for.

    Args:
        context: the image.
        target: what the file has to meet.
        state: symbols.

    Raises:
        InputError: the target is out of reach; the message names the nearest reachable value.
    """
    order = np.argsort(-_estimate_values(context, state), kind="stable")

    def shorten(dropped: int) -> QuantisedImage:
        # A file without Gaussians has no step.
        header = state.header if dropped < len(order) else context.header
        return QuantisedImage(header, state.symbols.select(order[: len(order) - dropped]))

    dropped, coded = target.fit_to_budget(lambda n: context.code(shorten(n)), len(order))
    header, symbols = shorten(dropped)
    seen = dequantise_gaussians(header, symbols)
    sse = context.loss.sse(seen.place_on_lattices().splats, _background(context))
    psnr = psnr_from_sse(sse, context.planes.size)
    return Encoding(coded.data, psnr, context.iterations, context.effort)


def _estimate_values(context: EncoderContext, state: QuantisedImage) -> Float64:
    """Estimate by how much the loss grows without each Gaussian alone, float64 (N,)."""
    seen = dequantise_gaussians(*state)
    placed = seen.place_on_lattices()
    _, gradients = context.loss.step(placed.splats, _background(context))
    _, _, by_color = placed.backward(gradients)
    return estimate_removal_costs(seen, by_color, context.weight_at)


def estimate_removal_costs(
    seen: Dequantised, by_color: Float64, weight_at: WeightAt | None = None
) -> Float64:
    """Estimate by how much the squared error grows without each Gaussian alone, float64 (N,).

    With the shape w of a Gaussian, its colour c and the error e = render - image, that is
    |c|^2 <w, w> - 2 c <e, w>, and 2 <e, w> is the gradient by the colour.

    Args:
        seen: N Gaussians.
        by_color: float64 (N, C), gradient of the squared error by their colours.
        weight_at: weights of squared errors at positions in px; None where all are 1. <w, w> takes
            the weight at the mean.
    """
    area = np.pi * np.exp(seen.theta[:, 0])
    if weight_at is not None:
        area *= weight_at(seen.mean)
    growth: Float64 = (seen.color**2).sum(axis=1) * area
    growth -= (seen.color * by_color).sum(axis=1)
    return growth


def _background(context: EncoderContext) -> Float32:
    return context.header.background_color.astype(np.float32)
