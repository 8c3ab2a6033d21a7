"""The pages show every command and option, and everything that they show runs."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gsic import cli

ROOT = Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted((ROOT / "docs").glob("*.md")),
        *(ROOT / name for name in ("examples/README.md", "benchmarks/README.md")),
    )
}
README, USAGE = PAGES["README.md"], PAGES["docs/usage.md"]
FIRST_PAGE_LINES = 150

Workplace = Callable[[str], Path]


def blocks(language: str) -> list[tuple[str, str]]:
    """The code blocks of a language, each with its page, in the order of the pages."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    found = [(page, block) for page, text in PAGES.items() for block in pattern.findall(text)]
    assert found
    return found


def lines(language: str) -> list[tuple[str, str]]:
    """The lines of the code blocks of a language, each with its page."""
    return [(page, line) for page, block in blocks(language) for line in block.splitlines()]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A folder for each page, with photo.png and photos/, tiny; its commands run in turn there."""
    y, x = np.mgrid[0:64, 0:96]
    planes = [128 + 90 * np.sin(x / 17 + phase) * np.cos(y / 13) for phase in (0, 1, 2)]
    photo: NDArray[np.uint8] = np.rint(np.stack(planes, axis=-1)).astype(np.uint8)
    folders: dict[str, Path] = {}

    def of(page: str) -> Path:
        if page not in folders:
            folder = folders[page] = tmp_path_factory.mktemp("page")
            Image.fromarray(photo).save(folder / "photo.png")
            (folder / "photos").mkdir()
            shutil.copy(folder / "photo.png", folder / "photos")
        return folders[page]

    return of


def run(command: list[str], folder: Path) -> None:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(("page", "line"), lines("sh"))
def test_commands_run(page: str, line: str, workplace: Workplace) -> None:
    run(["bash", "-o", "pipefail", "-e", "-c", line], workplace(page))


def test_what_commands_leave(workplace: Workplace) -> None:
    """Runs after the commands of docs/usage.md: what they name is there."""
    folder = workplace("docs/usage.md")
    sizes = {}
    for name in ("decoded.png", "thumbnail.png", "part.png"):
        with Image.open(folder / name) as image:
            sizes[name] = image.size
    assert sizes == {"decoded.png": (96, 64), "thumbnail.png": (24, 16), "part.png": (32, 16)}
    assert (folder / "small.gsi").stat().st_size <= 1000
    assert (folder / "results" / "report.md").is_file()


@pytest.mark.parametrize(("page", "block"), blocks("python"))
def test_python_runs(page: str, block: str, workplace: Workplace) -> None:
    run([sys.executable, "-c", block], workplace(page))


@pytest.mark.parametrize(("page", "line"), lines("console"))
def test_installations_and_make_targets_exist(page: str, line: str) -> None:
    command = re.sub(r"^\$ | +#.*$", "", line)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if installed := re.fullmatch(r"pip install (?:\.|'\.\[([a-z,]+)\]')", command):
        extras = installed[1].split(",") if installed[1] else []
        assert set(extras) <= set(project["optional-dependencies"])
        return
    target = re.fullmatch(r"make ([a-z-]+)", command)
    assert target, f"{page}: {line!r} is neither run here, nor an installation, nor a make target"
    assert re.search(rf"^{target[1]}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def options_of(command: click.Command) -> list[str]:
    """The options as `--help` prints them."""
    names = [name for option in command.params for name in option.opts if name.startswith("-")]
    return [*names, "-h", "--help"]


@pytest.mark.parametrize("name", sorted(cli.gsic.commands))
def test_every_command_and_option_is_shown(name: str) -> None:
    command: Any = cli.gsic.commands[name]
    assert re.search(rf"`gsic {name}( [A-Z]|`)", USAGE)
    table = [line for line in USAGE.splitlines() if line.startswith("| `-")]
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


@pytest.mark.parametrize(
    ("page", "marker"),
    [
        ("docs/figures.md", "figures"),
        ("docs/benchmarks.md", "benchmarks"),
        ("docs/benchmarks.md", "rate-distortion"),
        ("README.md", "equal-bytes"),
    ],
)
def test_generated_tables_are_marked(page: str, marker: str) -> None:
    """`benchmarks.report.figures` writes between the marks."""
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    assert PAGES[page].count(begin) == PAGES[page].count(end) == 1
    assert PAGES[page].index(begin) < PAGES[page].index(end)


def test_the_first_page_is_short() -> None:
    assert len(README.splitlines()) <= FIRST_PAGE_LINES


def read_saving(measure: str, codec: str, kind: str) -> float:
    """A BD-rate by kind of picture, in percent, from the tables of docs/figures.md."""
    title = f"Rate that gsic needs for equal {measure}, by kind of picture"
    table = PAGES["docs/figures.md"].split(title)[1].split("\n\n")[1].splitlines()
    column = next(i for i, head in enumerate(table[0].split("|")) if head.strip().startswith(kind))
    line = next(line for line in table if line.startswith(f"| {codec} |"))
    return float(line.split("|")[column].split("%")[0])


@pytest.mark.parametrize(
    ("measure", "codec", "kind", "claim"),
    [
        ("PSNR", "JPEG 4:2:0", "photographs", "than JPEG"),
        ("PSNR", "WebP, method 6", "photographs", "than WebP and 21 %"),
        ("PSNR", "JPEG 2000", "photographs", "than JPEG 2000"),
        ("PSNR", "WebP, method 6", "shaded illustrations", "than WebP and 34 %"),
        ("PSNR", "AVIF 4:2:0, speed 6", "shaded illustrations", "than AVIF 4:2:0."),
        ("PSNR", "AVIF 4:2:0, speed 6", "photographs", "bits than AVIF 4:2:0 at speed 6"),
        ("PSNR", "AVIF 4:4:4, speed 4", "photographs", "than AVIF 4:4:4 at speed 4"),
        ("SSIMULACRA2", "AVIF 4:2:0, speed 6, tune iq", "photographs", "bits than AVIF 4:2:0 with"),
        ("SSIMULACRA2", "WebP, method 6", "photographs", "than WebP."),
        ("PSNR", "AVIF 4:4:4, speed 4", "shaded illustrations", "), from 28 % fewer"),
        ("SSIMULACRA2", "AVIF 4:4:4, speed 4", "shaded illustrations", "for the same SSIMULACRA2"),
        ("PSNR", "AVIF 4:4:4, speed 4", "flat charts", "bits than AVIF 4:4:4 for the same PSNR"),
        ("PSNR", "AVIF 4:4:4, speed 4", "screenshots", "on screenshots"),
        ("PSNR", "AVIF 4:4:4, speed 4", "pages of text", "bits than AVIF 4:4:4 for a page"),
    ],
)
def test_claims_of_the_first_page_are_figures(
    measure: str, codec: str, kind: str, claim: str
) -> None:
    """What the README says about rates is what the committed rows say."""
    percent = read_saving(measure, codec, kind)
    share = f"{abs(percent):.0f} % {'more' if percent > 0 else 'fewer'}"
    text = " ".join(README.split())
    assert re.search(rf"{share} (bits )?{re.escape(claim)}|{share}{re.escape(claim)}", text)


def test_the_index_lists_every_page() -> None:
    index = PAGES["docs/README.md"]
    missing = [path.name for path in (ROOT / "docs").glob("*.md") if f"]({path.name})" not in index]
    assert missing == ["README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Files and pictures of a page exist, and so do the headings that it links to."""
    folder = (ROOT / page).parent
    missing = []
    for link in links_of(page):
        name, _, heading = link.partition("#")
        path = folder / name if name else ROOT / page
        if not path.exists() or (heading and heading not in headings_of(path)):
            missing.append(link)
    assert missing == []


def test_tests_that_pages_name_exist() -> None:
    """Files by their path, functions by their name, with the rest of it left out as ``...``."""
    files = list((ROOT / "tests").rglob("test_*.py"))
    functions = {
        name
        for path in files
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    for page, text in PAGES.items():
        for name in re.findall(r"`(tests/[\w/]+\.py)`", text):
            assert (ROOT / name).is_file(), f"{page}: {name}"
        for name in re.findall(r"`(test_\w+)", text):
            known = name in functions or any(other.startswith(name) for other in functions)
            assert known, f"{page}: {name}"


def test_the_first_page_and_the_index_have_links() -> None:
    assert links_of("README.md")
    assert links_of("docs/README.md")


def links_of(page: str) -> list[str]:
    """The links of a page to files and headings of this repository."""
    return re.findall(r"\]\(([^):]+)\)", PAGES[page])


def headings_of(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub writes them."""
    found = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in found)
    return {heading.strip().replace(" ", "-") for heading in plain}
