"""Sound files of extreme Gaussians: the symbols of a file are changed and written again.

A changed payload is nearly always refused, since its coder does not end where it must. These files
are accepted, so they reach dequantisation, the limits of areas, and the kernels that draw.
"""

from dataclasses import replace
from random import Random

import numpy as np
from fuzz_files import pick_side
from numpy.typing import NDArray
from random_symbols import find_places

from gsic import container
from gsic.profiles import registry
from gsic.profiles.gaussianimage import bitstream as gaussianimage
from gsic.profiles.gaussianimage.symbols import Codebooks, Quantiser
from gsic.profiles.gaussianimage.symbols import QuantisedImage as GaussianImage
from gsic.profiles.gsic import symbols as gsic
from gsic.profiles.two_dgs import symbols as two_dgs

Array = NDArray[np.int64]

# Most Gaussians of a file that is written again.
_MOST = 1500


def rewrite(rng: Random, data: bytes) -> bytes:
    """Return a sound file whose symbols are extreme, or the file itself if none can be written."""
    file = container.read(data)
    profile = registry.find_by_number(file.profile)
    image = profile.read(file)
    width, height = file.width, file.height
    if rng.random() < 0.6:
        width, height = pick_side(rng), pick_side(rng)
    if width * height > 2**27 or max(width, height) > 2**22:
        width, height = 2**22, 1
    noise = np.random.default_rng(rng.getrandbits(64))
    change = {"gsic": _change_gsic, "gaussianimage": _change_gaussianimage, "2dgs": _change_2dgs}
    try:
        changed = change[profile.name](rng, noise, image, width, height)
        parameters, payload = profile.write(changed)
    except (ValueError, ZeroDivisionError):
        return data
    return container.write(
        replace(file, width=width, height=height, parameters=parameters, payload=payload)
    )


def _choose_rows(rng: Random, noise: np.random.Generator, count: int) -> Array:
    """Choose Gaussians: a few, the first ones, or many times as many as there are."""
    if not count:
        return np.zeros(0, np.int64)
    kind = rng.randrange(5)
    if kind == 0:
        return noise.integers(0, count, rng.randint(1, 3))
    if kind == 1:
        return np.arange(min(count, rng.randint(1, count)))
    if kind == 2:
        return np.repeat(np.arange(count), rng.choice((2, 8, 40)))[:_MOST]
    if kind == 3:
        return np.full(rng.choice((count, 300, _MOST)), noise.integers(0, count))
    return np.arange(count)


def _spoil(noise: np.random.Generator, values: Array, extremes: list[int]) -> Array:
    """Replace some values, or all of them, by extreme ones."""
    chosen = noise.random(values.shape) < noise.choice((0.02, 0.3, 1.0))
    return np.where(chosen, noise.choice(np.array(extremes, np.int64), values.shape), values)


def _change_gsic(
    rng: Random, noise: np.random.Generator, image: gsic.QuantisedImage, width: int, height: int
) -> gsic.QuantisedImage:
    header, symbols = image
    header = replace(header, width=width, height=height)
    if rng.random() < 0.5:
        step = rng.choice((0, 1, 320, 639, 640, 641, 1000, gsic.MAX_STEP_INDEX))
        header = replace(header, step_index=step)
    symbols = symbols.select(_choose_rows(rng, noise, len(symbols)))
    count = len(symbols)
    position, amplitude = symbols.position_class, symbols.amplitude_class
    if rng.random() < 0.5:
        position = _spoil(noise, position, [-8, -4, 0, 3, 7])
    if rng.random() < 0.5:
        amplitude = _spoil(noise, amplitude, [0, 1, 7, 15])
    scale, anisotropy, color = symbols.log_scale, symbols.log_anisotropy, symbols.color
    # Sizes in steps of 2^(1 - A) octaves of the variance, from too small to too large.
    if rng.random() < 0.6:
        octaves = _spoil(noise, np.zeros(count, np.int64), [-8, -3, 0, 4, 8, 14, 20, 28, 40])
        scale = np.where(octaves != 0, octaves << np.maximum(amplitude - 1, 0), scale)
    if rng.random() < 0.1:
        scale = _spoil(noise, scale, [-(2**28), 2**28, 2**20])
    if rng.random() < 0.4:
        anisotropy = _spoil(noise, anisotropy, [0, 1, -1, 3, -3, 6, -6, 2**17, 2**29, -(2**29)])
    if rng.random() < 0.4:
        color = _spoil(noise, color, [0, 1, -1, 9, -9, 255, 2**12, -(2**12), 2**29, 1 - 2**30])
    sides = np.array([gsic.count_squares(header, int(p)) for p in position], np.int64).reshape(
        -1, 2
    )
    squares = (noise.random((count, 2)) * sides).astype(np.int64)
    place = find_places(position, amplitude, anisotropy, squares, noise.integers(0, 64, count))
    changed = gsic.Symbols(position, amplitude, place, scale, anisotropy, color)
    return gsic.QuantisedImage(header, changed)


_STEPS = [0.0, 1e-30, 1e-4, -1e-4, 0.01, 0.5, -0.5, 1.0, 30.0, 1e4, 3e8, 3e9, 2.0**32, -(2.0**32)]


def _spoil_floats(noise: np.random.Generator, values: NDArray[np.float32]) -> NDArray[np.float32]:
    chosen = noise.random(values.shape) < noise.choice((0.1, 0.5))
    return np.where(chosen, noise.choice(_STEPS, values.shape), values).astype(np.float32)


def _spoil_quantiser(noise: np.random.Generator, quantiser: Quantiser) -> Quantiser:
    step, origin = (_spoil_floats(noise, array) for array in quantiser[1:])
    return Quantiser(quantiser.bits, step, origin)


def _change_gaussianimage(
    rng: Random, noise: np.random.Generator, image: GaussianImage, width: int, height: int
) -> GaussianImage:
    image = image.select(_choose_rows(rng, noise, len(image)))
    image = replace(image, width=width, height=height)
    if rng.random() < 0.4:
        halves = noise.choice(np.array([0, 0.1, -0.5, 1, -3, 65504, -65504], np.float16), (2,))
        chosen = noise.random(image.position.shape) < 0.5
        image = replace(image, position=np.where(chosen, halves.view(np.uint16), image.position))
    if rng.random() < 0.6:
        image = replace(image, shape_quantiser=_spoil_quantiser(noise, image.shape_quantiser))
    if rng.random() < 0.3:
        colors = image.color_quantiser
        if isinstance(colors, Codebooks):
            image = replace(image, color_quantiser=Codebooks(_spoil_floats(noise, colors.vectors)))
        else:
            image = replace(image, color_quantiser=_spoil_quantiser(noise, colors))
    if rng.random() < 0.4:
        most = (1 << image.shape_quantiser.bits) - 1
        image = replace(image, shape=_spoil(noise, image.shape, [0, 1, most]))
    image = replace(image, coding=rng.choice(("packed", "ans")))
    return gaussianimage.choose_bits_back(image, rng.choice(("none", "partial", "full")))


def _change_2dgs(
    rng: Random, noise: np.random.Generator, image: two_dgs.QuantisedImage, width: int, height: int
) -> two_dgs.QuantisedImage:
    rows = _choose_rows(rng, noise, len(image))
    grid = two_dgs.Grid(width, height, rng.choice((1, 2)), rng.random() < 0.5)
    books = []
    for book in (image.shapes, image.colors):
        quantiser, index = book.quantiser, book.index[rows]
        if rng.random() < 0.5:
            quantiser = _spoil_bounds(noise, quantiser)
        levels = book.rows
        if rng.random() < 0.4:
            levels = _spoil(noise, levels, [0, 1, (1 << quantiser.bits) - 1])
        if rng.random() < 0.2:
            index = np.zeros_like(index)
        books.append(two_dgs.Codebook(quantiser, levels, index))
    places, position = image.position_quantiser, image.position[rows]
    if rng.random() < 0.4:
        places = _spoil_bounds(noise, places)
    if rng.random() < 0.2:
        places = two_dgs.Quantiser(1, places.bounds)
        position = np.minimum(position, 1)
    return two_dgs.QuantisedImage(grid, places, position, *books)


def _spoil_bounds(noise: np.random.Generator, quantiser: two_dgs.Quantiser) -> two_dgs.Quantiser:
    bounds = _spoil(noise, quantiser.bounds, [0, 1, 300, 32768, two_dgs.BOUND_LEVELS])
    return two_dgs.Quantiser(quantiser.bits, np.sort(bounds, axis=1))
