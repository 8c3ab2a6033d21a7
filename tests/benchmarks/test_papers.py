"""The papers' tables: their protocol, and what GaussianImage's rows are computed from."""

import math
import sys
from pathlib import Path

import gaussianimage_scenes as scenes
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.papers import gaussianimage_tables as tables
from benchmarks.papers import make as papers
from benchmarks.papers.make import Run, Table, cropped, halved, mean_of


@pytest.fixture
def run(tmp_path: Path) -> Run:
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.integers(0, 256, (13, 14, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    Image.fromarray(blocks).save(tmp_path / "blocks.png")
    return Run([tmp_path / "blocks.png"], scaled=True, steps=3, threads=1, device="cpu")


@pytest.mark.parametrize("name", sorted(tables.TABLES))
def test_every_table_is_made(run: Run, name: str) -> None:
    if name in ("gaussianimage-1", "gaussianimage-3"):
        run.gaussians = (500,)
    elif name == "gaussianimage-4":
        run.gaussians = (800, 3000)
    table = papers.tables()[name](run)
    kinds = {row["kind"] for row in table.rows}
    assert kinds <= {"published", "scaled"}
    assert "scaled" in kinds
    assert run.samples
    assert table.markdown().count("\n") == len(table.rows) + 1
    for row in table.rows:
        assert set(row) <= {*table.columns, *run.samples[0]}


def test_bits_by_the_formula() -> None:
    """The published rates of the ladder are 56 N + 1728 bits, and the bound is equation 11."""
    for count, (packed, bits_back, bound, _) in tables.LADDER.items():
        bits = 56 * count + 1728
        assert packed == pytest.approx(bits / tables.KODAK_PIXELS, abs=6e-5)
        saved = tables.factorial_bits(count) - math.log2(count)
        assert bound == pytest.approx((bits - saved) / tables.KODAK_PIXELS, abs=6e-5)
        assert bound < bits_back < packed


def test_sizes_of_a_file() -> None:
    image = scenes.scene(800, 768, 512, coding="ans")
    told = tables.sizes(scenes.file_of(image), tables.KODAK_PIXELS)
    assert told["formula_bytes"] == (56 * 800 + 1728) // 8
    assert told["packed_bytes"] == told["formula_bytes"] + told["container_bytes"]
    assert told["container_bytes"] == 25
    assert told["plain"] == 101
    assert abs(told["bits_back_saves"] - told["bits_back_bound"]) <= 40
    assert told["bits_back_bpp"] == pytest.approx(tables.LADDER[800][1], abs=1e-3)


def test_differences_of_curves() -> None:
    anchor = [(0.1, 25.0), (0.2, 27.0), (0.4, 29.0)]
    assert tables.bd_quality(anchor, anchor) == pytest.approx(0.0)
    above = [(rate, value + 0.5) for rate, value in anchor]
    assert tables.bd_quality(anchor, above) == pytest.approx(0.5)
    dearer = [(2.0 * rate, value) for rate, value in anchor]
    assert tables.bd_quality(anchor, dearer) == pytest.approx(-2.0)
    assert tables.bd_quality(anchor, anchor[:1]) is None


def test_as_many_gaussians_per_pixel() -> None:
    assert tables.scaled_count(Run([], scaled=True), 30000) == 2812
    assert tables.scaled_count(Run([], scaled=True), 1) == 1
    assert tables.scaled_count(Run([]), 30000) == 30000


def test_the_protocol() -> None:
    assert Run([]).steps_of(50000) == 50000
    assert Run([]).kind == "full"
    assert Run([], scaled=True).steps_of(50000) == 1500
    assert Run([], scaled=True).kind == "scaled"
    assert Run([], steps=7).steps_of(50000) == 7
    assert Run([], steps=7).kind == "scaled"
    image = np.arange(512 * 400).reshape(512, 400)
    assert cropped(image).shape == (192, 192)
    assert cropped(image)[0, 0] == image[160, 104]


def test_halved_as_div2k() -> None:
    ramp = np.tile(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], (61, 1, 3))
    half = halved(ramp)
    assert half.shape == (30, 50, 3)
    # Each output pixel stands for two: the middle of their values, away from the edges.
    np.testing.assert_allclose(half[5:-5, 4:-4, 0], np.tile(4 * np.arange(4, 46) + 1, (20, 1)))


def test_means_leave_nothing_out() -> None:
    rows = [{"a": 1.0, "b": None}, {"a": 2.0, "b": 5.0}]
    assert mean_of(rows, ("a", "b", "c")) == {"a": 1.5, "b": None, "c": None}
    table = Table("t", ("kind", "a", "b"), [{"kind": "full", "a": 1.5, "b": None}])
    assert table.markdown().splitlines()[-1] == "| full | 1.50 | - |"
