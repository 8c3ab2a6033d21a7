"""A small run of the damaged files that `make fuzz` reads, and tests of that run itself."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fuzz_checks
import fuzz_files
import pytest

import gsic
from gsic.errors import CorruptFile

SCRIPT = Path(fuzz_checks.__file__).with_name("fuzz.py")


@pytest.mark.parametrize("part", range(4))
def test_damaged_files(part: int) -> None:
    found = {}
    for index in range(100 * part, 100 * (part + 1)):
        outcome = fuzz_checks.check_case(fuzz_checks.make_case(0, index))
        if outcome.finding and "are allowed" in outcome.finding:
            # Kernels may have been compiled meanwhile.
            outcome = fuzz_checks.check_case(fuzz_checks.make_case(0, index))
        if outcome.finding:
            found[index] = outcome.finding
    assert not found


def test_cases_come_back() -> None:
    for index in range(50):
        assert fuzz_checks.make_case(7, index) == fuzz_checks.make_case(7, index)
    assert fuzz_checks.make_case(7, 0) != fuzz_checks.make_case(8, 0)


@pytest.mark.parametrize("name", fuzz_checks.GOLDEN)
def test_files_are_put_together_again(name: str) -> None:
    parts = fuzz_files.split(fuzz_checks.GOLDEN[name])
    assert fuzz_files.split(fuzz_files.join(parts)) == parts
    fields = fuzz_files._split_parameters(parts)
    assert b"".join(field for _, field in fields) == bytes(parts.parameters)


def test_the_mutations_reach_what_they_should() -> None:
    """Most files are refused for another reason than their checksum, and many are taken."""
    results: list[str] = []
    for index in range(200):
        case = fuzz_checks.make_case(3, index)
        try:
            gsic.decode(case.data, limits=case.limits, threads=1)
            results.append("decoded")
        except gsic.GsicError as error:
            results.append(str(error))
    assert sum("CRC" in result for result in results) < 10
    assert results.count("decoded") > 40
    assert len(set(results)) > 40


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (CorruptFile("x"), None),
        (ValueError("x"), "ValueError: x"),
        (MemoryError(), "MemoryError: "),
    ],
)
def test_errors_that_are_not_declared_are_findings(
    monkeypatch: pytest.MonkeyPatch, error: Exception, finding: str | None
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(gsic, "decode", fail)
    case = next(
        case for case in (fuzz_checks.make_case(0, index) for index in range(99)) if not case.shell
    )
    assert fuzz_checks.check_case(case).finding == finding


@pytest.mark.slow
def test_a_process_that_dies_is_a_finding(tmp_path: Path) -> None:
    """A worker ends by a signal at one case, and the others are read all the same."""
    killer = (
        "import sys, os, fuzz, fuzz_checks\n"
        "check = fuzz_checks.check_case\n"
        "def die(case):\n"
        "    if case == fuzz_checks.make_case(5, 3):\n"
        "        os.kill(os.getpid(), 11)\n"
        "    return check(case)\n"
        "fuzz_checks.check_case = die\n"
        f"fuzz.__file__ = {str(tmp_path / 'fuzz.py')!r}\n"
        "sys.exit(fuzz.main())\n"
    )
    (tmp_path / "fuzz.py").write_text(killer.replace("import sys, os, fuzz,", _FROM_SUPPORT))
    done = subprocess.run(
        [sys.executable, tmp_path / "fuzz.py", "--seed", "5", "--count", "6", "--jobs", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    assert "file 3 " in done.stdout
    assert "ended with -11" in done.stdout
    assert "6 files of seed 5" in done.stdout
    assert os.listdir(tmp_path / "build" / "fuzz") == ["5-3.gsi"]


# The script of this name in the working folder stands for that of the tests.
_FROM_SUPPORT = (
    f"import sys, os, importlib.util\nsys.path.insert(0, {str(SCRIPT.parent)!r})\n"
    f"spec = importlib.util.spec_from_file_location('run', {str(SCRIPT)!r})\n"
    "fuzz = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(fuzz)\nimport"
)
