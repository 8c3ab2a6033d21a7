"""The gallery and the first picture: committed rows, pictures, and what draws them."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import gsic
from gsic.bench.codecs.registry import BASELINES
from gsic.gaussians import CovarianceEntries

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "images"
MOST_GALLERY_BYTES = 4_000_000
MOST_FIRST_BYTES = 400_000

Script = Callable[[str], Any]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.gallery.{name}")


def load(name: str) -> dict[str, Any]:
    text = (ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8")
    result: dict[str, Any] = json.loads(text)
    return result


def photo() -> np.ndarray[Any, np.dtype[np.uint8]]:
    y, x = np.mgrid[0:96, 0:128]
    planes = [128 + 90 * np.sin(x / 9 + phase) * np.cos(y / 7) for phase in (0, 1, 2)]
    return np.rint(np.stack(planes, axis=-1)).astype(np.uint8)


def test_the_page_is_that_of_the_rows(script: Script) -> None:
    make, page, rows = script("make"), script("page"), script("rows")
    found = [rows.GalleryRow(**row) for row in load("gallery.json")["rows"]]
    text = page.write_page(found, make.describe_origin(make.RESULTS))
    assert (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", ["gallery.json", "first-picture.json"])
def test_no_file_is_larger_than_its_size(name: str) -> None:
    rows = load(name)["rows"]
    assert rows
    assert [row for row in rows if row["bytes"] is not None and row["bytes"] > row["size"]] == []


def test_pictures_are_small_enough_for_a_repository() -> None:
    gallery = [path.stat().st_size for path in (PICTURES / "gallery").iterdir()]
    assert sum(gallery) < MOST_GALLERY_BYTES
    assert (PICTURES / "first.webp").stat().st_size < MOST_FIRST_BYTES


@pytest.mark.parametrize("codec", ["webp", "avif"])
def test_the_largest_file_fits_and_the_next_quality_does_not(script: Script, codec: str) -> None:
    codecs, baseline, image = script("codecs"), BASELINES[codec], photo()
    files = [len(baseline.encode(image, quality)) for quality in range(101)]
    size = (files[20] + files[60]) // 2
    data = codecs.largest_file(baseline, image, size)
    assert len(data) <= size
    assert max(length for length in files if length <= size) == len(data)


def test_an_image_is_reduced_only_where_no_file_is_small_enough(script: Script) -> None:
    codecs, image = script("codecs"), photo()
    smallest = len(BASELINES["webp"].encode(image, 0))
    assert codecs.encode_other(BASELINES["webp"], image, smallest).factor == 1
    reduced = codecs.encode_other(BASELINES["webp"], image, smallest - 1)
    assert reduced.factor > 1
    assert reduced.image.shape == image.shape
    assert codecs.encode_other(BASELINES["webp"], image, 10) is None


def test_axes_of_ellipses(script: Script) -> None:
    """A Gaussian of 5 by 2 px, its longer axis at 30 degrees."""
    turn = np.radians(30.0)
    direction = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    sigma = direction @ np.diag([25.0, 4.0]) @ direction.T
    entries = CovarianceEntries(*(np.array([v]) for v in (sigma[0, 1], sigma[1, 1], 100.0)))
    axes = script("ellipses").compute_axes(entries)
    assert axes.long[0] == pytest.approx(5.0)
    assert axes.short[0] == pytest.approx(2.0)
    assert axes.angle[0] % 180.0 == pytest.approx(30.0)


def test_ellipses_are_where_the_gaussians_are(script: Script) -> None:
    image = np.full((32, 48, 3), 255, np.uint8)
    image[8:24, 6:18] = (200, 30, 30)
    data = gsic.encode(image, quality=60, effort=1, threads=1)
    drawn = script("ellipses").draw_ellipses(data, 2)
    assert drawn.size == (96, 64)
    reds = np.asarray(drawn.convert("RGB")).astype(int)
    inside = reds[20:44, 16:32]
    assert (inside[..., 0] - inside[..., 1]).mean() > 40


def test_strips_have_a_panel_for_every_codec(script: Script) -> None:
    strips, sources, rows = script("strips"), script("sources"), script("rows")
    source = sources.Source("name", sources.PHOTO, 0, 0, "what")
    original = np.zeros((300, 300, 3), np.uint8)
    row = rows.GalleryRow("name", 1000, "webp", 998, 30.0, 50.0, 2)
    none = rows.GalleryRow("name", 1000, "avif-iq", None, None, None, 1)
    strip = strips.draw_strip(source, original, [rows.Shown(row, original), rows.Shown(none, None)])
    assert isinstance(strip, Image.Image)
    assert strip.width == 3 * sources.SIDE_PX + 2 * strips.GAP_PX
    assert strips.label(row) == (
        "WebP, 998 bytes, reduced by 2",
        "SSIMULACRA2 50.0, PSNR 30.00 dB",
    )
    assert strips.label(none) == ("AVIF", "no file of 1000 bytes")
