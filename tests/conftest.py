"""What all tests share: synthetic images, the photo folder, Hypothesis, and several processes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

# Threads of PyTorch that wait for work would otherwise spin, and take the cores from the processes
# that run other tests. Sub-processes inherit this.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# The tests are of the kernels that are compiled here, even where some were compiled ahead of time:
# this is what Numba does anyway, but who says so wants no others (see `shipped`).
os.environ.setdefault("NUMBA_OPT", "3")

# One seed for everybody under `ci`; no deadlines anywhere, since kernels compile on first use.
_SLOW = [HealthCheck.too_slow]
settings.register_profile("default", max_examples=50, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Files that take longest. With several processes, each of which runs a file from its first test to
# its last, they go first, so that all processes end at about one time.
_LONGEST_FIRST = (
    "kernels/gpu/test_interpreted.py",
    "encoders/gsic/test_encoder.py",
    "encoders/two_dgs/test_encoder.py",
    "test_docs.py",
    "kernels/cpu/test_processes.py",
    "encoders/gsic/test_ms_ssim.py",
    "cli/test_streams.py",
    "kernels/cpu/alpha/test_render.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the files by how long they take, in a process of pytest-xdist."""
    if hasattr(config, "workerinput"):
        here = Path(__file__).parent
        ranks = {here / file: rank for rank, file in enumerate(_LONGEST_FIRST)}
        if missing := [str(path) for path in ranks if not path.is_file()]:
            raise pytest.UsageError(f"_LONGEST_FIRST names files that are not there: {missing}")
        items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def photo_like(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth scene with edges: uint8 (H, W) for one channel, otherwise (H, W, C)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = y / max(height, width), x / max(height, width)
    planes = []
    for channel in range(channels):
        phase = seed + 1.7 * channel
        plane = 0.5 + 0.25 * np.sin(5 * x + phase) * np.cos(4 * y - phase)
        plane += 0.2 * (np.hypot(x - 0.4, y - 0.3 - 0.05 * channel) < 0.25)
        plane -= 0.15 * (x + 0.5 * y > 0.9)
        planes.append(plane)
    image = np.rint(np.clip(np.stack(planes, axis=-1), 0, 1) * 255).astype(np.uint8)
    return image[..., 0] if channels == 1 else image


@pytest.fixture
def scene() -> Callable[..., NDArray[np.uint8]]:
    """`scene(height, width, channels=3, seed=0)`: a synthetic photo-like image."""
    return photo_like


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A PNG file of 48 x 32 pixels in a folder of its own."""
    from PIL import Image

    path = tmp_path / "photo.png"
    Image.fromarray(photo_like(32, 48)).save(path)
    return path


@pytest.fixture
def data_folder() -> Path:
    """The folder of photos that GSIC_DATA names; tests that need it are skipped without it."""
    folder = os.environ.get("GSIC_DATA")
    if not folder:
        pytest.skip("GSIC_DATA does not name a folder of photos")
    if not Path(folder).is_dir():
        pytest.fail(f"GSIC_DATA names {folder}, which is not a folder")
    return Path(folder)


@pytest.fixture
def gsic_process() -> Callable[..., "subprocess.CompletedProcess[bytes]"]:
    """`gsic_process("info", path, input=...)`: the command line in a process of its own."""

    def run(*arguments: object, **keywords: Any) -> "subprocess.CompletedProcess[bytes]":
        command = [sys.executable, "-m", "gsic", *map(str, arguments)]
        keywords.setdefault("timeout", 120)
        if "stdout" not in keywords:
            keywords.setdefault("capture_output", True)
        else:
            keywords.setdefault("stderr", subprocess.PIPE)
        return subprocess.run(command, **keywords)

    return run
