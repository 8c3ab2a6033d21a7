"""Images of profile `gsic` for golden files and tests: random ones, and extremes of the format."""

import zlib

import numpy as np
from random_symbols import find_places

from gsic import container
from gsic.container import COMMENT, ICC, Container, Mode, Section
from gsic.profiles import registry
from gsic.profiles.gsic.quantisation import classify, quantise
from gsic.profiles.gsic.symbols import (
    AMPLITUDE_CLASSES,
    Header,
    QuantisedImage,
    Symbols,
    count_squares,
    find_step_index,
)


def random_scene(
    width: int, height: int, channels: int, count: int, seed: int, step: float = 0.05
) -> tuple[Header, Symbols]:
    """Make Gaussians of all sizes and aspects, some of them outside the image."""
    rng = np.random.default_rng(seed)
    background = tuple(rng.integers(0, 256, channels).tolist())
    header = Header(width, height, channels, find_step_index(step), background)
    mean = rng.uniform(-0.1, 1.1, (count, 2)) * (width, height)
    theta = rng.normal(0.0, 0.7, (count, 3))
    theta[:, 0] += 2.0 * np.log(rng.uniform(0.4, 6.0, count))
    color = rng.laplace(0.0, 0.15, (count, channels))
    return header, quantise(header, classify(header.step, theta, color), mean, theta, color)


def equal_gaussians(width: int, height: int, count: int) -> tuple[Header, Symbols]:
    """Make an RGB image of `count` equal Gaussians."""
    header, symbols = random_scene(width, height, 3, 1, seed=5)
    return header, symbols.select(np.zeros(count, np.int64))


def extremes(width: int, height: int) -> tuple[Header, Symbols]:
    """Make an RGB image with every class, cells in corners, and symbols far beyond the bounds."""
    header = Header(width, height, 3, 500, (0, 128, 255))
    positions = np.repeat(np.arange(-8, 8), 4)
    count = len(positions)
    grids = np.array([count_squares(header, int(position)) for position in positions])
    index = np.arange(count)
    corner = np.stack((index % 2, index // 2 % 2), axis=1)
    amplitude = index * 7 % len(AMPLITUDE_CLASSES)
    huge = np.where(index % 5 == 0, 2**28, 3)
    sign = np.where(index % 3 == 0, -1, 1)
    anisotropy = np.stack((huge, -sign * (huge + 1)), axis=1)
    anisotropy[index % 7 == 0] = sign[index % 7 == 0, None] * (2, 3)
    symbols = Symbols(
        positions,
        amplitude,
        find_places(positions, amplitude, anisotropy, corner * (grids - 1), 63 * corner[:, 0]),
        sign * huge,
        anisotropy,
        np.stack((sign, index % 4 - 1, np.where(index % 7, 1, -1000)), axis=1),
    )
    return header, symbols


def file_of(
    header: Header, symbols: Symbols, mode: Mode, sections: tuple[Section, ...] = ()
) -> bytes:
    """Make a `.gsi` file of symbols in any order."""
    assert mode.channels == header.channels
    profile = registry.find_by_name("gsic")
    parts = profile.write(QuantisedImage(header, symbols))
    return container.write(
        Container(profile.number, header.width, header.height, mode, *parts, sections)
    )


def files() -> dict[str, bytes]:
    """Make the golden files, by name."""
    sections = (
        Section(ICC, zlib.compress(b"not a profile, and of no matter to a decoder", 0)),
        Section(COMMENT, "Gau\u00df".encode()),
        Section(99, b"unknown and optional"),
    )
    scenes = {
        mode.name.lower(): (
            *random_scene(37 + mode, 29 + 2 * mode, mode.channels, 60 + 20 * mode, seed=mode),
            mode,
        )
        for mode in Mode
    }
    scenes |= {
        "none": (*random_scene(5, 3, 3, 0, seed=9), Mode.RGB),
        "pixel": (*random_scene(1, 1, 3, 6, seed=10), Mode.RGB),
        "column": (*random_scene(1, 61, 4, 25, seed=11), Mode.RGBA),
        "row": (*random_scene(67, 1, 1, 25, seed=12), Mode.L),
        "equal": (*equal_gaussians(9, 7, 300), Mode.RGB),
        "extremes": (*extremes(23, 31), Mode.RGB),
        "fine": (*random_scene(31, 24, 3, 90, seed=13, step=0.0015), Mode.RGB),
    }
    made = {name: file_of(*scene) for name, scene in scenes.items()}
    made["sections"] = file_of(*random_scene(16, 12, 3, 20, seed=14), Mode.RGB, sections)
    return made
