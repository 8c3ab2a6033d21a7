"""Random images of profile `gaussianimage`, for its golden files and for tests."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gsic import container
from gsic.container import Container, Mode
from gsic.gaussians import compute_factor
from gsic.profiles.gaussianimage.bitstream import choose_bits_back
from gsic.profiles.gaussianimage.dequantisation import dequantise
from gsic.profiles.gaussianimage.profile import GaussianImageProfile
from gsic.profiles.gaussianimage.symbols import Codebooks, QuantisedImage, Quantiser, round_position

PROFILE = GaussianImageProfile()


def scene(
    count: int = 50,
    width: int = 40,
    height: int = 30,
    channels: int = 3,
    seed: int = 0,
    *,
    covariance: str = "cholesky",
    color: str = "rvq",
    bits: int = 6,
    stages: int = 2,
    size: int = 8,
    coding: str = "ans",
    bits_back: str = "none",
) -> QuantisedImage:
    """Make an image of Gaussians of a few px, with symbols of all values."""
    rng = np.random.default_rng(seed)
    position = round_position(np.arctanh(rng.uniform(-1.0, 1.0, (count, 2)))).view(np.uint16)
    most = 2**bits - 1
    span = np.array([8.0, 6.0, 8.0] if covariance == "cholesky" else [6.0, 6.0, 2.0 * np.pi])
    origin = np.array([-1.0, -3.0, 0.3] if covariance == "cholesky" else [0.2, 0.3, 0.0])
    shape_quantiser = Quantiser(bits, (span / most).astype(np.float32), origin.astype(np.float32))
    color_quantiser: Codebooks | Quantiser
    if color == "rvq":
        vectors = rng.normal(0.1, 0.3, (stages, size, channels))
        color_quantiser = Codebooks(vectors.astype(np.float32))
        symbols = rng.binomial(size - 1, 0.4, (count, stages))
    else:
        step = np.full(channels, 0.9 / most, np.float32)
        color_quantiser = Quantiser(bits, step, np.full(channels, -0.3, np.float32))
        symbols = rng.integers(0, most + 1, (count, channels))
    image = QuantisedImage(
        width,
        height,
        channels,
        covariance,
        position,
        rng.binomial(most, 0.5, (count, 3)).astype(np.int64),
        shape_quantiser,
        symbols.astype(np.int64),
        color_quantiser,
        coding,
    )
    return choose_bits_back(image, bits_back)


def with_twins(image: QuantisedImage) -> QuantisedImage:
    """Repeat the first Gaussian of an image twice and the second one once."""
    return image.select(np.concatenate((np.arange(len(image)), [0, 0, 1])))


def file_of(image: QuantisedImage) -> bytes:
    """Make a file of an image."""
    mode = (Mode.L, Mode.LA, Mode.RGB, Mode.RGBA)[image.channels - 1]
    size = image.width, image.height
    return container.write(Container(PROFILE.number, *size, mode, *PROFILE.write(image)))


def files() -> dict[str, bytes]:
    """Make the golden files, by name."""
    images = {
        "gaussianimage-packed": scene(coding="packed"),
        "gaussianimage-ans": scene(channels=4, seed=1, stages=3, size=5),
        "gaussianimage-rs": scene(covariance="rs", color="scalar", channels=1, seed=2, bits=8),
        "gaussianimage-partial": scene(120, seed=3, bits_back="partial"),
        "gaussianimage-full": choose_bits_back(
            with_twins(scene(60, channels=2, seed=4, coding="packed")), "full"
        ),
        "gaussianimage-one": scene(1, 1, 1, seed=5, bits=1, stages=1, size=2, coding="packed"),
        "gaussianimage-singular": singular(),
    }
    return {name: file_of(image) for name, image in images.items()}


def singular() -> QuantisedImage:
    """Make an image whose Gaussians have no width, too little width, or just enough."""
    image = scene(40, bits=3, seed=6, coding="packed")
    grid = Quantiser(3, np.array([0.5, 0.25, 0.0005], np.float32), np.float32([-2.0, 0.0, -0.5]))
    return replace(image, shape_quantiser=grid)


def describe(data: bytes, info: dict[str, Any]) -> dict[str, Any]:
    """Describe what must never change about a golden file, with arrays that are not hashed yet."""
    image = PROFILE.read(container.read(data))
    seen = dequantise(image)
    drawn = seen.mean, compute_factor(seen.entries), seen.color, np.maximum(seen.cutoff, 0.0)
    return {"info": info, "symbols": [image.rows], "parameters": [np.float32(a) for a in drawn]}


def every_way(image: QuantisedImage) -> Iterator[QuantisedImage]:
    """Yield the same Gaussians with each coding and each bits-back strategy."""
    for coding in ("packed", "ans"):
        for strategy in ("none", "partial", "full"):
            yield choose_bits_back(replace(image, coding=coding), strategy)
