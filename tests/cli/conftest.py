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
