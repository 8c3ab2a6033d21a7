"""Bad options are refused with exit 2 before anything is read, computed or written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

PAIRS = [
    (["--bpp", "0.3", "--psnr", "30"], ("bpp", "psnr")),
    (["--quality", "50", "--bpp", "0.3"], ("quality", "bpp")),
    (["--max-bytes", "999", "--gaussians", "9"], ("max_bytes", "gaussians")),
    (["--gaussians", "9", "--quality", "50"], ("quality", "gaussians")),
    (["--effort", "5", "--time", "9"], ("effort", "time")),
    (["--time", "9", "--profile", "2dgs"], ("time", "profile 2dgs")),
]

BAD_ENCODE = {
    "--bpp": ["0", "-1", "nan", "inf", "abc", ""],
    "--quality": ["0", "101", "1.5", "nan"],
    "--max-bytes": ["0", "-1", "1e3"],
    "--psnr": ["0", "-5", "nan", "inf"],
    "--gaussians": ["0", "-1", "1000000000000"],
    "--effort": ["0", "10", "x"],
    "--time": ["0", "-1", "nan", "inf", "x"],
    "--seed": ["-1", "x"],
    "--threads": ["0", "-2"],
    "--profile": ["x", ""],
    "--tune": ["ssim", ""],
    "--device": ["tpu"],
    "--set": ["novalue", "=5"],
}
BAD_FIT = {
    "--gaussians": ["0", "x"],
    "--iterations": ["0", "-1"],
    "--loss": ["l3"],
    "--covariance": ["full"],
    "--blend": ["multiply"],
    "--optimizer": ["sgd"],
    "--threads": ["0"],
}
BAD_DECODE = {
    "--scale": ["0", "-1", "nan", "inf", "x"],
    "--region": ["1,2,3", "a,b,c,d", "-1,0,2,2", "0,0,0,5", "1,1,1,1,1", "", "0,0,1.5,1"],
    "--threads": ["0"],
    "--device": ["gpu"],
}
BAD_BENCH = {
    "--bpp": ["0", "0.1,nan", "x"],
    "--gaussians": ["0", "1.5"],
    "--quality": ["0,50"],
    "--compare": ["jpeg,bmp"],
    "--limit": ["0"],
    "--effort": ["0"],
    "--profile": ["x"],
    "--tune": ["x"],
    "--threads": ["0"],
}


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(option, value) for option, values in table.items() for value in values]


def check_refused(run: Callable[..., object], folder: Path, *arguments: object) -> str:
    """Run in an empty folder; return what stderr says."""
    code, out, err = run(*arguments)  # type: ignore[misc]
    assert (code, out) == (2, b"")
    assert "Traceback" not in err
    assert list(folder.iterdir()) == []
    return err


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The inputs do not exist: an option that were not refused first would give exit 1."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("arguments", "pair"), PAIRS)
def test_two_rates(
    gsic: Callable[..., object], tmp_path: Path, arguments: list[str], pair: tuple[str, str]
) -> None:
    err = check_refused(gsic, tmp_path, "encode", "no.png", "no.gsi", *arguments)
    assert f"{pair[0]} and {pair[1]} exclude each other" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(("option", "value"), cases(BAD_ENCODE))
def test_encode(gsic: Callable[..., object], tmp_path: Path, option: str, value: str) -> None:
    err = check_refused(gsic, tmp_path, "encode", "no.png", "no.gsi", option, value)
    assert option.strip("-").replace("-", "_") in err.replace("-", "_")


@pytest.mark.parametrize(("option", "value"), cases(BAD_FIT))
def test_fit(gsic: Callable[..., object], tmp_path: Path, option: str, value: str) -> None:
    err = check_refused(gsic, tmp_path, "fit", "no.png", "no.npz", option, value)
    assert option.strip("-") in err


@pytest.mark.parametrize(("option", "value"), cases(BAD_DECODE))
def test_decode(gsic: Callable[..., object], tmp_path: Path, option: str, value: str) -> None:
    err = check_refused(gsic, tmp_path, "decode", "no.gsi", "no.png", option, value)
    assert option.strip("-") in err


@pytest.mark.parametrize(("option", "value"), cases(BAD_BENCH))
def test_bench(gsic: Callable[..., object], tmp_path: Path, option: str, value: str) -> None:
    check_refused(gsic, tmp_path, "bench", "no-folder", option, value)


def test_bench_takes_one_kind_of_rate(gsic: Callable[..., object], tmp_path: Path) -> None:
    err = check_refused(gsic, tmp_path, "bench", ".", "--bpp", "0.1", "--quality", "50")
    assert "bpp and quality exclude each other" in err


@pytest.mark.parametrize("command", [("encode", "no.png", "no.gsi"), ("bench", ".")])
def test_the_papers_know_psnr_only(
    gsic: Callable[..., object], tmp_path: Path, command: tuple[str, ...]
) -> None:
    rest = ("--tune", "ms-ssim", "--profile", "2dgs")
    err = check_refused(gsic, tmp_path, *command, *rest)
    assert "tune ms-ssim and profile 2dgs exclude each other" in err


def test_an_output_suffix_that_no_format_has(gsic: Callable[..., object], tmp_path: Path) -> None:
    err = check_refused(gsic, tmp_path, "decode", "no.gsi", "photo.xyz")
    assert ".png" in err


@pytest.mark.parametrize("arguments", [(), ("encode",), ("encode", "a.png"), ("transcode",)])
def test_usage(gsic: Callable[..., object], tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert "Usage: gsic" in check_refused(gsic, tmp_path, *arguments)


def test_an_unknown_constant_is_refused_with_the_known_ones(
    gsic: Callable[..., object], photo: Path
) -> None:
    for command, output in (("encode", "out.gsi"), ("fit", "out.npz")):
        code, _, err = gsic(command, photo, output, "--set", "no_such_constant=1")  # type: ignore[misc]
        assert code == 2
        assert "no_such_constant" in err
        assert "known: " in err
        assert not os.path.exists(output)
