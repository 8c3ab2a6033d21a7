"""Where things are: a profile is two folders, and tests mirror the source."""

import ast
import re
from pathlib import Path

import pytest
from source_files import ROOT, imports, modules, name_of, sources, tree_of

from gsic.options import PROFILES

TESTS = ROOT / "tests"
# Folders of tests that concern no single folder of the source.
OF_THE_WHOLE = {"benchmarks", "data", "golden", "layers", "malformed", "support"}

FILES_OF_A_PROFILE = {
    "gsic/profiles": (
        *("__init__.py", "symbols.py", "dequantisation.py"),
        *("parameters.py", "bitstream.py", "profile.py"),
    ),
    "gsic/encoders": ("__init__.py", "encoder.py", "recipe.py"),
}


def mirrors() -> list[Path]:
    """Every folder with tests of one folder of the source, from the folder of all tests."""
    folders = {path.relative_to(TESTS).parent for path in TESTS.rglob("*.py")}
    return sorted(path for path in folders if path.parts and path.parts[0] not in OF_THE_WHOLE)


@pytest.mark.parametrize("folder", mirrors(), ids=str)
def test_tests_mirror_the_source(folder: Path) -> None:
    source = ROOT / folder if folder.parts[0] == "kernels" else ROOT / "gsic" / folder
    assert source.is_dir(), f"tests/{folder}: there is no {name_of(source)}"


def test_the_folders_of_the_whole_are_still_there() -> None:
    assert {path.name for path in TESTS.iterdir() if path.is_dir()} >= OF_THE_WHOLE - {"data"}


@pytest.mark.parametrize("path", sources("tests"), ids=name_of)
def test_tests_share_by_support_alone(path: Path) -> None:
    """A test file may import the modules of tests/support, and nothing else of the tests."""
    known = path.parent == TESTS / "support" or path.name == "conftest.py"
    assert known or path.name.startswith("test_"), f"{name_of(path)}: helpers go to tests/support"
    for imported in imports(path):
        top = imported.module.partition(".")[0]
        where = f"{name_of(path)}:{imported.line}: {imported.module} belongs to another test file"
        assert not re.match(r"test_|conftest$|tests$", top), where


@pytest.mark.parametrize("path", sources("tests"), ids=name_of)
def test_code_in_strings_imports_what_there_is(path: Path) -> None:
    """What runs in a process of its own is a string, in which no tool follows a renaming."""
    known = modules()
    for node in ast.walk(tree_of(path)):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        for module, names in re.findall(r"\bfrom (gsic[\w.]*) import ([\w, ]+)", node.value):
            where = f"{name_of(path)}:{node.lineno}: from {module} import"
            assert module in known, where
            text = known[module].read_text()
            for name in re.split(r",\s*", names.partition(" as ")[0].strip()):
                found = f"{module}.{name}" in known or re.search(rf"\b{name}\b", text)
                assert found, f"{where} {name}"


@pytest.mark.parametrize("home", FILES_OF_A_PROFILE)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_two_folders(profile: str, home: str) -> None:
    folder = ROOT / home / PROFILES[profile]
    missing = [name for name in FILES_OF_A_PROFILE[home] if not (folder / name).is_file()]
    assert missing == [], f"profile {profile}: {name_of(folder)} has no {', '.join(missing)}"


@pytest.mark.parametrize("home", FILES_OF_A_PROFILE)
def test_every_folder_of_a_profile_is_listed(home: str) -> None:
    folders = {path.parent.name for path in (ROOT / home).glob("*/__init__.py")}
    assert folders == set(PROFILES.values())
