"""The command line inside this process, and files for it to work on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gsic import cli


class Done(NamedTuple):
    """What a command left: exit code, stdout, stderr as text."""

    code: int
    out: bytes
    err: str

    @property
    def report(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.out)


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kernels are compiled once on a machine, which a line on stderr says: not in the tests."""
    folder = tmp_path_factory.mktemp("compiled")
    for mode in ("L", "LA", "RGB", "RGBA"):
        source, target = folder / f"{mode}.png", folder / f"{mode}.gsi"
        Image.linear_gradient("L").resize((16, 16)).convert(mode).save(source)
        assert cli.run(["encode", str(source), str(target), "--effort", "1", "-q"]) == 0
        assert cli.run(["decode", str(target), str(folder / "back.png"), "-q"]) == 0
    for loss in ("l1", "ssim"):
        fit = ["fit", str(source), str(folder / "a.npz"), "--loss", loss, "-q"]
        assert cli.run([*fit, "--gaussians", "9", "--iterations", "9"]) == 0


@pytest.fixture
def gsic(capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Done]:
    """`gsic("info", path)`: run a command line in this process."""

    def run(*arguments: object) -> Done:
        code = cli.run([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        return Done(code, out, err.decode())

    return run


@pytest.fixture
def coded(photo: Path) -> Path:
    """The photo as a .gsi file of few Gaussians."""
    target = photo.with_suffix(".gsi")
    code = cli.run(["encode", str(photo), str(target), "--gaussians", "40", "--effort", "1", "-q"])
    assert code == 0
    return target


@pytest.fixture
def pixels() -> Callable[[Path], NDArray[np.uint8]]:
    """`pixels(path)`: an image file read by Pillow alone."""

    def read(path: Path) -> NDArray[np.uint8]:
        with Image.open(path) as image:
            return np.array(image)

    return read
