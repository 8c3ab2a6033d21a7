"""Golden files of every released version decode to the same symbols, parameters and pixels."""

import json
from pathlib import Path

import format_gsic
import make_golden
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gsic import api as codec

MANIFEST = json.loads((make_golden.FOLDER / "manifest.json").read_text())


def check_pixels(image: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    """Check that images differ by at most 1 in 255, and only in rare pixels."""
    assert image.shape == expected.shape
    assert image.dtype == np.uint8
    apart = np.abs(image.astype(int) - expected)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) <= 1 + image.size // 1000


def test_the_manifest_is_complete() -> None:
    paths = make_golden.FOLDER.glob("*.gsi")
    assert sorted(MANIFEST) == sorted(path.stem for path in paths)
    assert sum(path.stat().st_size for path in make_golden.FOLDER.iterdir()) < 100_000


@pytest.mark.parametrize("name", MANIFEST)
def test_symbols_and_parameters(name: str) -> None:
    assert make_golden.describe(make_golden.FOLDER / f"{name}.gsi") == MANIFEST[name]


@pytest.mark.parametrize("name", MANIFEST)
def test_pixels(name: str) -> None:
    data = (make_golden.FOLDER / f"{name}.gsi").read_bytes()
    for path, scale, region in make_golden.list_pictures(name):
        with Image.open(path) as picture:
            check_pixels(codec.decode(data, scale=scale, region=region), np.array(picture))


@pytest.mark.parametrize("name", MANIFEST)
def test_the_independent_decoder_agrees(name: str) -> None:
    path = Path(make_golden.FOLDER, f"{name}.gsi")
    check_pixels(codec.decode(path), format_gsic.decode(path.read_bytes()))
