"""The wheel: what is in it, and that it works where nothing else of this checkout is."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gsic_kernels.cpu.runtime import shipped

ROOT = Path(__file__).parents[1]
MACHINE_CODE = f"cpu/runtime/{shipped.FILE.name}"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing is left in the checkout."""
    import shutil

    source = tmp_path_factory.mktemp("source")
    for name in ("gsic", "kernels"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    # As if kernels had been compiled before, of other sources.
    (source / "kernels" / MACHINE_CODE).write_bytes(shipped.seal(b"", "kernels-1"))
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_machine_code_does_not_bind_the_wheel_to_a_platform(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(f"gsic_kernels/{MACHINE_CODE}") == shipped.seal(b"", "kernels-1")


def test_the_wheel_holds_the_packages_and_nothing_else(names: list[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gsic", "gsic_kernels"}
    assert [name for name in names if re.search(r"(^|/)(tests?|conftest)", name)] == []


def test_every_module_is_in_the_wheel(names: list[str]) -> None:
    """A folder that pyproject.toml does not list would be missing only from wheels."""
    for folder, package in (("gsic", "gsic"), ("kernels", "gsic_kernels")):
        for path in (ROOT / folder).rglob("*.py"):
            name = f"{package}/{path.relative_to(ROOT / folder)}"
            assert name in names
    assert "gsic/container/FORMAT.md" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


@pytest.mark.slow  # kernels of another folder are compiled anew
def test_the_wheel_works_from_a_folder_of_its_own(wheel: Path, tmp_path: Path, photo: Path) -> None:
    target = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*command, str(target), str(wheel)], check=True, timeout=300)
    code = (
        f"import sys; sys.path.insert(0, {str(target)!r}); import gsic.cli, gsic_kernels; "
        f"assert gsic.__file__.startswith({str(target)!r}), gsic.__file__; "
        f"assert gsic_kernels.__file__.startswith({str(target)!r}), gsic_kernels.__file__; "
        f"sys.exit(gsic.cli.run(sys.argv[1:]))"
    )
    encoded, decoded = photo.with_suffix(".gsi"), photo.with_name("back.png")
    for arguments in (
        ["encode", str(photo), str(encoded), "--gaussians", "30", "--effort", "1"],
        ["decode", str(encoded), str(decoded)],
    ):
        done = subprocess.run(
            # Isolated, so that the folder that the tests run in is not on the path.
            [sys.executable, "-I", "-c", code, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
    assert decoded.is_file()


def test_the_torch_range_is_the_one_tested(project: dict[str, Any]) -> None:
    (torch,) = (name for name in project["project"]["dependencies"] if name.startswith("torch"))
    assert re.fullmatch(r"torch>=\d+\.\d+,<\d+\.\d+", torch)


def test_every_import_is_a_declared_dependency(project: dict[str, Any]) -> None:
    declared = project["project"]["dependencies"]
    for extra in ("bench", "images"):
        declared += project["project"]["optional-dependencies"][extra]
    distributions = {re.split(r"[<>=; \[]", entry)[0].lower() for entry in declared}
    packages = {"PIL": "pillow", "llvmlite": "numba", "pillow_heif": "pillow-heif"}
    ours = {"gsic", "gsic_kernels", *sys.stdlib_module_names}
    for folder in ("gsic", "kernels"):
        for path in (ROOT / folder).rglob("*.py"):
            for module in imported(path):
                if module not in ours and module != "typing_extensions":
                    assert packages.get(module, module).lower() in distributions, (
                        f"{path}: {module}"
                    )


def imported(path: Path) -> Iterator[str]:
    """The packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
