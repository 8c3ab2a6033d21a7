"""Kernels compiled ahead of time: what they take, and that they are those that Numba compiles."""

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gsic_kernels.cpu.ahead import build
from gsic_kernels.cpu.ahead.levels import LEVELS
from gsic_kernels.cpu.runtime import compiling, dispatch, lanes, shipped
from gsic_kernels.cpu.runtime.work_items import COUNTER_STRIDE, DONE, READY, TIMED_OUT

pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64", reason="for Linux on x86-64"
    ),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
]
GOLDEN = Path(__file__).parents[3] / "golden" / "v1"


def load(path: Path) -> ModuleType:
    loader = ExtensionFileLoader(shipped.MODULE, str(path))
    spec = importlib.util.spec_from_file_location(shipped.MODULE, path, loader=loader)
    assert spec is not None
    return importlib.util.module_from_spec(spec)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A module with small kernels: without arrays, with arrays, with memory of its own."""
    folder = tmp_path_factory.mktemp("few")
    build.compile_objects(folder, names="barrier halve bin_to_strips")
    build.link(folder, folder / "few.so")
    shipped.check((folder / "few.so").read_bytes(), compiling.folder_name())
    try:
        return load(folder / "few.so")
    except ImportError as error:
        pytest.skip(str(error))


def counts(steps: int, items: int) -> tuple[Any, Any]:
    return np.zeros((steps, COUNTER_STRIDE), np.int64), np.full(steps, items, np.int64)


def test_the_module_says_what_it_is_for(few: Any) -> None:
    assert few.LEVEL in [level.cpu for level in LEVELS]
    assert few.LANES == lanes.LANES


def test_a_kernel_returns_what_it_should(few: Any) -> None:
    counters, work_counts = counts(2, 3)
    assert few.barrier(counters, work_counts, 0, 0, ()) == READY
    assert few.barrier(counters, work_counts, 1, 0, ()) == TIMED_OUT
    counters[0, DONE] = 3
    assert few.barrier(counters, work_counts, np.int64(1), 0, ()) == READY


def test_a_kernel_gives_the_same_bits_as_one_compiled_here(few: Any) -> None:
    image = np.random.default_rng(3).random((21, 3, 34), np.float32)
    halves = []
    for kernel in (few.halve, dispatch.kernel("halve")):
        counters, work_counts = counts(1, 1)
        halves.append(np.zeros((10, 3, 17), np.float32))
        state = kernel(counters, work_counts, 0, 0, (image, 34, halves[-1]))
        assert (state, counters[0, DONE]) == (READY, 1)
    assert halves[0].any()
    assert np.array_equal(*halves)


@pytest.mark.parametrize(
    "bad",
    [
        {"image": np.zeros((4, 1, 4))},
        {"image": np.zeros((4, 1, 4), np.int32)},
        {"image": np.zeros((4, 4), np.float32)},
        {"image": np.zeros((4, 1, 4), ">f4")},
        {"image": None},
        {"width": 4.0},
        {"width": "4"},
    ],
    ids=str,
)
def test_an_argument_of_another_type_is_refused(few: Any, bad: dict[str, Any]) -> None:
    good = {"image": np.zeros((4, 1, 4), np.float32), "width": 4}
    out = np.zeros((2, 1, 2), np.float32)
    few.halve(*counts(1, 1), 0, 0, (*good.values(), out))
    with pytest.raises(TypeError):
        few.halve(*counts(1, 1), 0, 0, (*(good | bad).values(), out))


def test_arrays_that_are_not_contiguous_or_not_writable_are_refused(few: Any) -> None:
    turned = np.zeros((4, 4, 1), np.float32).transpose(0, 2, 1)[::2]
    fixed = np.zeros((4, 1, 4), np.float32)
    fixed.flags.writeable = False
    for image in (turned, fixed):
        with pytest.raises((ValueError, BufferError)):
            few.halve(*counts(1, 1), 0, 0, (image, 4, np.zeros((2, 1, 2), np.float32)))


def test_another_number_of_arguments_is_refused(few: Any) -> None:
    arguments = *counts(1, 0), 0, 0, ()
    for wrong in (arguments[:-1], (*arguments, 1), (*arguments[:-1], (1,)), ()):
        with pytest.raises(TypeError):
            few.barrier(*wrong)


def test_arrays_are_given_back(few: Any) -> None:
    """After calls that go well and calls that do not, nothing holds them any more."""
    counters, work_counts = counts(1, 0)
    before = sys.getrefcount(counters)
    few.barrier(counters, work_counts, 0, 0, ())
    with pytest.raises(TypeError):
        few.barrier(counters, work_counts, 0, 0, 5)
    with pytest.raises(TypeError):
        few.barrier(counters, work_counts, "0", 0, ())
    assert sys.getrefcount(counters) == before


# Decodes all golden files and encodes, with the file of kernels whose path comes first.
DECODE = """
import json, sys
from pathlib import Path
from gsic_kernels.cpu.runtime import dispatch, shipped
shipped.FILE = Path(sys.argv[1])
import gsic, hashlib
import numpy as np
digests = {}
for path in sys.argv[3:]:
    digests[path] = hashlib.sha256(gsic.decode(path, device="cpu").tobytes()).hexdigest()
image = (np.arange(40 * 50 * 3).reshape(40, 50, 3) // 24).astype(np.uint8)
gsic.encode(image, gaussians=20, effort=1, device="cpu")
assert not {"numba", "llvmlite"} & {*sys.modules}
assert shipped.load().module.LEVEL == sys.argv[2], shipped.load()
assert shipped.count_kernels() > 10
for name, channels in dispatch.list_kernels():
    assert shipped.find(name, channels) is not None, name
print(json.dumps(digests))
"""


@pytest.mark.slow
def test_every_level_works_without_numba_and_decodes_to_the_same_bits(tmp_path: Path) -> None:
    import hashlib

    import gsic

    paths = [str(path) for path in sorted(GOLDEN.glob("*.gsi"))]
    wanted = {
        path: hashlib.sha256(gsic.decode(path, device="cpu").tobytes()).hexdigest()
        for path in paths
    }
    build.compile_objects(tmp_path / "objects")
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_OPT"}
    for first, level in enumerate(LEVELS):
        target = tmp_path / f"{level.cpu}.so"
        build.link(tmp_path / "objects", target, LEVELS[first:])
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", DECODE, str(target), level.cpu, *paths],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if "that of the package is for" in done.stderr or level.lanes > lanes.LANES:
            continue
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == wanted
