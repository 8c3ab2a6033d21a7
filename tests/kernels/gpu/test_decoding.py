"""Decoding on the GPU: dequantised splats and images against those of NumPy and the CPU.

Without a GPU, `test_interpreted` runs these tests under Triton's interpreter.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import make_golden
import numpy as np
import pytest
from gsic_scenes import extremes, file_of, random_scene
from kernel_scenes import make
from numpy.typing import NDArray

from gsic import api as codec
from gsic import decoding, rendering
from gsic.container import Mode
from gsic.errors import LimitError
from gsic.options import Limits
from gsic.profiles.gsic.dequantisation import dequantise_gaussians, make_log_grid
from gsic.profiles.gsic.symbols import Header, Symbols, make_empty_symbols, pack_symbols
from gsic_kernels import registry
from gsic_kernels.backend import Backend, BackendUnavailable
from gsic_kernels.constants import CUTOFF_MAX
from gsic_kernels.gpu import backend as gpu_backend
from gsic_kernels.gpu.raster import graph_renderer, tile_lists
from gsic_kernels.gpu.raster.graph_renderer import GraphRenderer
from gsic_kernels.gpu.raster.uploads import SplatUpload, SymbolUpload, bound_levels
from gsic_kernels.types import LogSymbols, Splats, Window

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("poison")]

GPU = gpu_backend.backend("cuda")
CPU = registry.get("cpu")
DEVICE = gpu_backend.choose_device()
# Terms of a colour may cancel: error in float64, relative to the largest of them.
CANCELLED = 1e-14


def pack(header: Header, symbols: Symbols) -> LogSymbols:
    """Make what is sent to a backend."""
    return LogSymbols(pack_symbols(symbols), make_log_grid(header))


def dequantise_on_cpu(header: Header, symbols: Symbols) -> Splats:
    """Dequantise by the code of the profile."""
    return dequantise_gaussians(header, symbols).place_on_lattices().splats


def check_close(got: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    """Assert that pixels differ by one level at most, and by that in few places."""
    assert got.shape == expected.shape
    apart = np.abs(got.astype(int) - expected)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) <= 1 + apart.size // 1000


def make_needles(width: int, height: int) -> tuple[Header, Symbols]:
    """Make a grey scene of shapes near their bounds, with amplitudes of all sizes and of zero."""
    header = Header(width, height, 1, 700, (9,))
    size, u, v = (a.ravel() for a in np.meshgrid([-7, -6, 0, 3, 60], [-13, 0, 6, 7], [-9, 0, 1]))
    count = len(size)
    color = np.array([0, 1, -1, 2, -3, 4, 7, 8, 2**20, 2**26, 2**27, -(2**29)])
    return header, Symbols(
        np.arange(count) % 16 - 8,
        np.full(count, 1),
        np.stack((np.arange(count) % 3, np.arange(count) % 2), axis=1),
        size,
        np.stack((u, v), axis=1),
        np.resize(color, (count, 1)),
    )


SCENES = {
    "extremes": extremes(23, 31),
    "needles": make_needles(19, 21),
    "none": (Header(8, 5, 3, 64, (1, 2, 3)), make_empty_symbols(3)),
    **{f"{c} channels": random_scene(40, 30, c, 70 * c, seed=c) for c in (1, 2, 3, 4)},
    "fine": random_scene(31, 24, 3, 90, seed=13, step=0.0015),
}


@pytest.mark.parametrize("name", SCENES)
def test_dequantised_splats_equal_those_of_numpy(name: str) -> None:
    header, symbols = SCENES[name]
    count = len(symbols)
    upload = SymbolUpload(header.channels, count + 3, DEVICE)
    behind = header.background_color.astype(np.float32)
    # What an earlier image left in memory must change nothing.
    upload.stage(pack(*random_scene(9, 9, header.channels, count + 3, seed=1)), behind + 1)
    upload.stage(pack(header, symbols), behind)
    splats, background = upload.send()
    got = Splats(*(array.cpu().numpy() for array in splats))
    np.testing.assert_array_equal(background.cpu().numpy(), behind)

    expected, seen = dequantise_on_cpu(header, symbols), dequantise_gaussians(header, symbols)
    first = Splats(*(array[:count] for array in got))
    for part in ("mean", "cutoff", "level"):
        np.testing.assert_array_equal(getattr(first, part), getattr(expected, part), part)
    for part in ("factor", "offset"):
        np.testing.assert_array_max_ulp(getattr(first, part), getattr(expected, part), 1)
    # Colours grow by less than 2 on a lattice.
    largest = 2 * np.abs(symbols.color * seen.amplitude[:, None]).max(axis=1, initial=0.0)
    apart = np.abs(first.color.astype(np.float64) - expected.color)
    assert (apart <= np.spacing(np.abs(expected.color)) + CANCELLED * largest[:, None]).all()
    # Gaussians beyond those that were sent contribute nothing.
    assert (got.color[count:] == 0).all()
    assert (got.cutoff[count:] <= 0).all()
    assert np.isfinite(got.factor).all()


def test_levels_equal_those_of_numpy() -> None:
    """Many of these shapes are at the very bound of a level."""
    rng = np.random.default_rng(5)
    count = 4096
    precision = rng.integers(0, 8, count)
    # m is up to 20, a whole number in half of the cases; u and v have few values, also beyond most.
    size = rng.integers(-2, 11, count) << precision
    size += rng.integers(0, 2, count) * rng.integers(0, 99, count)
    anisotropy = rng.integers(-4, 5, (count, 2)) << (precision[:, None] // 2)
    none = np.zeros((count, 2), np.int64)
    symbols = Symbols(none[:, 0], precision, none, size, anisotropy, none[:, :1] + 1)
    header = Header(9, 9, 1, 700, (9,))
    upload = SymbolUpload(1, count, DEVICE)
    levels = upload.stage(pack(header, symbols), np.zeros(1, np.float32))
    splats, _ = upload.send()
    expected = dequantise_gaussians(header, symbols).level
    np.testing.assert_array_equal(splats.level.cpu().numpy(), expected)
    assert np.bincount(expected, minlength=8).min() > 40
    assert levels == 8


@pytest.mark.parametrize("name", SCENES)
def test_enough_levels_are_drawn(name: str) -> None:
    header, symbols = SCENES[name]
    level = dequantise_gaussians(header, symbols).level
    assert level.max(initial=0) < bound_levels(pack(header, symbols)) <= 8


@pytest.mark.parametrize("name", ["extremes", "3 channels", "none"])
def test_images_equal_those_of_the_cpu(name: str) -> None:
    header, symbols = SCENES[name]
    splats = dequantise_on_cpu(header, symbols)
    behind = header.background_color.astype(np.float32)
    for window in (Window(0, 0, header.width, header.height), Window(3, 2, 5, 3)):
        assert GPU.render_symbols_bytes is not None
        got = GPU.render_symbols_bytes(pack(header, symbols), window, behind)
        check_close(got, CPU.render_sum_bytes(splats, window, behind))


def test_symbols_are_checked() -> None:
    behind, window = np.zeros(3, np.float32), Window(0, 0, 4, 4)
    rows, grid = pack(*SCENES["3 channels"])
    render: Any = GPU.render_symbols_bytes
    with pytest.raises(TypeError, match="rows must be an int32"):
        render(LogSymbols(rows.astype(np.int64), grid), window, behind)
    with pytest.raises(ValueError, match="rows must be"):
        render(LogSymbols(rows[:7], grid), window, behind)
    with pytest.raises(ValueError, match="transform"):
        render(LogSymbols(rows[:8], grid), window, behind)
    with pytest.raises(ValueError, match="window"):
        render(LogSymbols(rows, grid), Window(0, 0, 0, 4), behind)
    with pytest.raises(ValueError, match="background"):
        render(LogSymbols(rows, grid), window, behind[:2])


@pytest.fixture
def sent_symbols(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[LogSymbols]]:
    """Make "cuda" this backend, and yield the list of all symbols that are sent to it."""
    calls: list[LogSymbols] = []
    get = registry.get
    render: Any = GPU.render_symbols_bytes

    def record(symbols: LogSymbols, *arguments: Any) -> Any:
        calls.append(symbols)
        return render(symbols, *arguments)

    gpu = replace(GPU, render_symbols_bytes=record)
    monkeypatch.setattr(registry, "get", lambda name: gpu if name == "cuda" else get(name))
    yield calls
    rendering._warm_up.cache_clear()


GOLDEN = {"rgb", "rgba", "l", "rgb_as_l", "none", "pixel", "row", "extremes"}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_golden_files_decode_as_on_the_cpu(name: str, sent_symbols: list[LogSymbols]) -> None:
    path = make_golden.FOLDER / f"{name}.gsi"
    got = decoding.decode_with_report(path.read_bytes(), device="cuda")
    check_close(got.image, codec.decode(path, device="cpu"))
    alpha = got.report.channels in (2, 4)
    # The first of two loads the kernels.
    assert len(sent_symbols) == (0 if alpha else 2)


def test_regions_are_sent_as_symbols_and_other_scales_are_not(
    sent_symbols: list[LogSymbols],
) -> None:
    data = file_of(*random_scene(31, 22, 3, 40, seed=3), Mode.RGB)
    part = codec.decode(data, region=(3, 5, 20, 9), device="cuda")
    assert len(sent_symbols) == 2
    np.testing.assert_array_equal(part, codec.decode(data, device="cuda")[5:14, 3:23])
    assert len(sent_symbols) == 3
    check_close(
        codec.decode(data, scale=0.5, device="cuda"), codec.decode(data, scale=0.5, device="cpu")
    )
    assert len(sent_symbols) == 3


def test_many_files_decode_as_on_the_cpu(sent_symbols: list[LogSymbols]) -> None:
    files = [file_of(*random_scene(20, 16, 3, 9 + k, seed=k), Mode.RGB) for k in range(3)]
    for image, data in zip(codec.decode_many(files, device="cuda"), files, strict=True):
        check_close(image, codec.decode(data, device="cpu"))
    assert [symbols.rows.shape for symbols in sent_symbols] == [(10, 9), (10, 10), (10, 11)]


def test_areas_that_may_be_too_large_are_checked_on_the_cpu(sent_symbols: list[LogSymbols]) -> None:
    data = file_of(*random_scene(31, 22, 3, 40, seed=3), Mode.RGB)
    with pytest.raises(LimitError, match="image: 40 Gaussians cover"):
        codec.decode(data, limits=Limits(area_per_pixel=0.5), device="cuda")
    # The area is within the limit, but would not be with the largest cutoff.
    picture = decoding.open_file(data, 1.0, None, Limits()).picture
    scene, (width, height) = picture.scene, picture.view.image
    s12, s22, det = scene.entries
    radius = 2 * np.sqrt(2 * np.clip(scene.cutoff, 0, CUTOFF_MAX))
    across = np.minimum(radius * np.sqrt((det + s12**2) / s22) + 1, width)
    down = np.minimum(radius * np.sqrt(s22) + 1, height)
    limit = (across * down)[scene.cutoff > 0].sum() / (width * height)
    check_close(
        codec.decode(data, limits=Limits(area_per_pixel=1.001 * limit), device="cuda"),
        picture.draw(CPU, 1),
    )
    assert sent_symbols == []


def test_the_cpu_decodes_if_the_gpu_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise BackendUnavailable("too little memory")

    get = registry.get
    gpu: Backend = replace(GPU, render_symbols_bytes=fail)
    monkeypatch.setattr("gsic.devices._choose_automatically", lambda: gpu)
    monkeypatch.setattr(registry, "get", lambda name: gpu if name == "cuda" else get(name))
    data = file_of(*random_scene(31, 22, 3, 40, seed=3), Mode.RGB)
    expected = codec.decode(data, device="cpu")
    decoded = decoding.decode_with_report(data, device="auto")
    np.testing.assert_array_equal(decoded.image, expected)
    assert decoded.report.dequantise_ms > 0
    np.testing.assert_array_equal(next(codec.decode_many([data])), expected)


def test_a_graph_renderer_takes_any_number_of_gaussians() -> None:
    window = Window(-3, 5, 34, 19)
    renderer = GraphRenderer(window, SplatUpload(3, 30, DEVICE))
    for count, levels in ((30, 1), (4, 3), (0, 1), (21, 2)):
        scene = make(count, 40, 30)
        level = np.arange(count, dtype=np.int32) % levels
        scene = scene._replace(splats=scene.splats._replace(level=level))
        image = renderer.render(scene.splats, scene.background)
        expected = CPU.render_sum_bytes(scene.splats, window, scene.background)
        assert image.dtype == np.uint8
        assert np.abs(image.astype(int) - expected).max() <= 1
        # An image belongs to the caller: it does not change with the next one.
        assert not np.shares_memory(image, renderer.render(scene.splats, scene.background))


def test_graph_renderers_are_kept_by_window_and_replaced_for_more_gaussians(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph_renderer, "_COUNT_STEP", 8)
    scene, more = make(5, 20, 17), make(12, 20, 17)
    first = GPU.render_sum_bytes(*scene[:3])
    (kept,) = graph_renderer._spare.values()
    assert kept.upload.max_count == 8
    np.testing.assert_array_equal(GPU.render_sum_bytes(*scene[:3]), first)
    assert list(graph_renderer._spare.values()) == [kept]
    GPU.render_sum_bytes(*more[:3])
    (larger,) = graph_renderer._spare.values()
    assert larger.upload.max_count == 16


def test_images_with_too_short_lists_are_rendered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make(20, 40, 30)
    expected = GPU.render_sum_bytes(*scene[:3])
    monkeypatch.setattr(tile_lists, "_LEAST", 1)
    monkeypatch.setattr(tile_lists, "_TILES_EACH", 0)
    monkeypatch.setattr(graph_renderer, "_spare", type(graph_renderer._spare)())
    np.testing.assert_array_equal(GPU.render_sum_bytes(*scene[:3]), expected)
