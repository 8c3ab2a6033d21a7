"""The README shows every command and option, and everything that it shows runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gsic import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found
    return found


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photo.png and photos/, tiny, where the commands are run one after another."""
    folder = tmp_path_factory.mktemp("readme")
    y, x = np.mgrid[0:64, 0:96]
    planes = [128 + 90 * np.sin(x / 17 + phase) * np.cos(y / 13) for phase in (0, 1, 2)]
    photo: NDArray[np.uint8] = np.rint(np.stack(planes, axis=-1)).astype(np.uint8)
    Image.fromarray(photo).save(folder / "photo.png")
    (folder / "photos").mkdir()
    shutil.copy(folder / "photo.png", folder / "photos")
    return folder


def run(command: list[str], folder: Path) -> None:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("line", "".join(blocks("sh")).splitlines())
def test_commands_run(line: str, workplace: Path) -> None:
    run(["bash", "-o", "pipefail", "-e", "-c", line], workplace)


def test_what_commands_leave(workplace: Path) -> None:
    """Runs after the commands: what they name is there."""
    sizes = {}
    for name in ("decoded.png", "thumbnail.png", "part.png"):
        with Image.open(workplace / name) as image:
            sizes[name] = image.size
    assert sizes == {"decoded.png": (96, 64), "thumbnail.png": (24, 16), "part.png": (32, 16)}
    assert (workplace / "small.gsi").stat().st_size <= 1000
    assert (workplace / "results" / "report.md").is_file()


@pytest.mark.parametrize("block", blocks("python"))
def test_python_runs(block: str, workplace: Path) -> None:
    run([sys.executable, "-c", block], workplace)


@pytest.mark.parametrize(
    "line", [line for block in blocks("console") for line in block.splitlines()]
)
def test_make_targets_exist(line: str) -> None:
    target = re.fullmatch(r"\$ make ([a-z-]+)( +#.*)?", line)
    assert target, f"{line!r} is neither run here nor a make target"
    assert re.search(rf"^{target[1]}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def options_of(command: click.Command) -> list[str]:
    """The options as `--help` prints them."""
    names = [name for option in command.params for name in option.opts if name.startswith("-")]
    return [*names, "-h", "--help"]


@pytest.mark.parametrize("name", sorted(cli.gsic.commands))
def test_every_command_and_option_is_shown(name: str) -> None:
    command: Any = cli.gsic.commands[name]
    assert re.search(rf"`gsic {name} [A-Z]", README)
    table = [line for line in README.splitlines() if line.startswith("| `-")]
    assert command.help
    for option in options_of(command):
        rows = [line for line in table if re.search(rf"`{option}[ `]", line)]
        assert len(rows) == 1, f"{option} stands in {len(rows)} rows of the table of options"
        commands = rows[0].split("|")[2].strip()
        assert commands == "all" or name in commands.split(", "), f"{option} of {name}"


def test_every_option_has_help() -> None:
    for command in cli.gsic.commands.values():
        for option in command.params:
            assert isinstance(option, click.Argument) or getattr(option, "help", None)


def test_the_figures_are_marked() -> None:
    """`python -m benchmarks.report.figures` writes between the marks."""
    begin, end = "<!-- equal-bytes:begin -->", "<!-- equal-bytes:end -->"
    assert README.count(begin) == README.count(end) == 1
    assert README.index(begin) < README.index(end)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
