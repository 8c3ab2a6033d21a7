"""What a fresh interpreter has loaded after each command, and how soon help appears."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"numpy", "numba", "llvmlite", "torch", "triton", "PIL", "constriction", "tqdm"}


def loaded_by(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after `code`."""
    report = "; import sys, json; print(json.dumps(sorted(sys.modules)), file=sys.__stderr__)"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


@pytest.mark.parametrize(
    "code",
    [
        "import gsic",
        "import gsic; gsic.GsicError, gsic.Limits, gsic.__version__, dir(gsic)",
        "import gsic.cli",
        "from gsic import cli; assert cli.run(['--help']) == 0",
        "from gsic import cli; assert cli.run(['encode', '--help']) == 0",
        "from gsic import cli; assert cli.run(['--version']) == 0",
        "from gsic import cli; assert cli.run(['encode', 'a.png', 'b.gsi', '--bpp', '0']) == 2",
        "from gsic import cli; assert cli.run(['encode', 'a', 'b/c/d']) == 1",
    ],
)
def test_help_and_refusals_load_nothing_heavy(code: str) -> None:
    assert loaded_by(code) & HEAVY == set()


def test_reading_a_bad_image_loads_no_codec(tmp_path: Path) -> None:
    code = f"from gsic import cli; assert cli.run(['encode', {str(tmp_path / 'no')!r}, 'b']) == 1"
    assert loaded_by(code) & {"numba", "torch", "triton", "constriction"} == set()


def test_decoding_on_a_cpu_loads_neither_torch_nor_triton(photo: Path) -> None:
    from gsic import cli

    target = str(photo.with_suffix(".gsi"))
    assert cli.run(["encode", str(photo), target, "--gaussians", "30", "--effort", "1"]) == 0
    command = ["decode", target, str(photo.with_name("back.png")), "--device", "cpu"]
    for code in (
        f"from gsic import cli; assert cli.run({command}) == 0",
        f"import gsic; gsic.decode({target!r}, device='cpu')",
        f"import gsic; gsic.info({target!r})",
    ):
        assert loaded_by(code) & {"torch", "triton"} == set()


def test_help_takes_at_most_a_fifth_of_a_second_of_computing() -> None:
    def computing() -> float:
        """CPU seconds, which other processes on the machine do not stretch."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "gsic", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert min(computing() for _ in range(5)) <= 0.2


def test_no_module_takes_the_name_of_a_public_function() -> None:
    code = (
        "import gsic, pkgutil; names = {module.name for module in pkgutil.iter_modules("
        "gsic.__path__)}; assert not names & set(gsic.__all__), names & set(gsic.__all__)"
    )
    assert "gsic" in loaded_by(code)


def test_public_names_are_what_they_say() -> None:
    import gsic

    assert sorted(gsic.__all__) == dir(gsic)
    assert all(getattr(gsic, name) is not None for name in gsic.__all__)
    assert issubclass(gsic.CorruptFile, gsic.FormatError)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        gsic.nothing  # noqa: B018


def test_the_tests_run_against_this_checkout() -> None:
    import gsic
    import gsic_kernels

    root = Path(__file__).parents[2]
    assert os.path.dirname(gsic.__file__) == str(root / "gsic")
    assert os.path.realpath(os.path.dirname(str(gsic_kernels.__file__))) == str(root / "kernels")
