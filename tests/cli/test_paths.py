"""Slips with paths: outputs that have the name of an image, or that are an input."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Process = Callable[..., "subprocess.CompletedProcess[bytes]"]

QUICK = {
    "encode": ("--gaussians", 20, "--effort", 1),
    "fit": ("--gaussians", 20, "--iterations", 5),
}


@pytest.mark.parametrize("command", ["encode", "fit"])
@pytest.mark.parametrize("name", ["b.png", "B.JPG", "new.webp", "new.heic", "photo.png.tiff"])
def test_an_image_name_is_refused(gsic: Run, photo: Path, command: str, name: str) -> None:
    target = photo.with_name(name)
    if not name.startswith("new"):
        target.write_bytes(b"an image")
    done = gsic(command, photo, target)
    assert (done.code, done.out) == (2, b"")
    assert done.err.startswith(f"gsic: error: {target}: ")
    assert "--force" in done.err
    assert len(done.err.splitlines()) == 1
    assert not target.exists() or target.read_bytes() == b"an image"


@pytest.mark.parametrize("command", ["encode", "fit"])
def test_an_image_name_is_written_by_force_but_never_an_input(
    gsic: Run, photo: Path, command: str
) -> None:
    target = photo.with_name("b.png")
    target.write_bytes(b"an image")
    assert gsic(command, photo, target, "--force", *QUICK[command]).code == 0
    assert target.read_bytes() != b"an image"
    before = photo.read_bytes()
    done = gsic(command, photo, photo, "-f")
    assert done.code == 1
    assert "would overwrite the input" in done.err
    assert photo.read_bytes() == before


@pytest.mark.parametrize("command", ["encode", "fit"])
def test_a_link_to_an_image_is_refused(gsic: Run, photo: Path, command: str) -> None:
    image, link = photo.with_name("b.png"), photo.with_name("b.gsi")
    image.write_bytes(b"an image")
    link.symlink_to(image)
    done = gsic(command, photo, link)
    assert done.code == 2
    assert done.err.startswith(f"gsic: error: {link}: ")
    assert image.read_bytes() == b"an image"


def test_an_earlier_output_is_replaced(gsic: Run, photo: Path) -> None:
    for name in ("photo.gsi", "photo", "photo.png.gsi"):
        target = photo.with_name(name)
        target.write_bytes(b"old")
        assert gsic("encode", photo, target, *QUICK["encode"]).code == 0
        assert target.read_bytes() != b"old"


def test_the_fit_to_continue_from_is_an_input(gsic: Run, photo: Path) -> None:
    fitted, linked = photo.with_name("fit.npz"), photo.with_name("linked.gsi")
    assert gsic("fit", photo, fitted, *QUICK["fit"]).code == 0
    before = fitted.read_bytes()
    linked.hardlink_to(fitted)
    for target in (fitted, linked):
        done = gsic("encode", photo, target, "--init", fitted, "--force")
        assert done.code == 1
        assert done.err == f"gsic: error: {target}: would overwrite the input\n"
    assert fitted.read_bytes() == before


def test_a_target_that_became_the_input_meanwhile_is_refused(
    gsic: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gsic import encoding

    target = photo.with_name("out.gsi")
    encode = encoding.encode_with_report

    def link_and_encode(*arguments: Any, **keywords: Any) -> encoding.Encoded:
        target.symlink_to(photo)
        return encode(*arguments, **keywords)

    monkeypatch.setattr(encoding, "encode_with_report", link_and_encode)
    before = photo.read_bytes()
    done = gsic("encode", photo, target, *QUICK["encode"])
    assert done.code == 1
    assert "would overwrite the input" in done.err
    assert photo.read_bytes() == before


def test_decoding_to_a_gsi_name_is_refused(gsic: Run, coded: Path) -> None:
    other = coded.with_name("other.gsi")
    other.write_bytes(b"other")
    done = gsic("decode", coded, other)
    assert done.code == 2
    assert other.read_bytes() == b"other"


ODD = [
    b"caf\xe9",
    "日本 é".encode(),
    b"two  spaces",
    b" a ",
    b"a\nb",
    b'a,b"c',
    b"-x",
    b"a\x1b[1mb",
]


@pytest.mark.parametrize("name", ODD)
def test_any_name_will_do(gsic: Run, photo: Path, name: bytes) -> None:
    stem = os.fsdecode(name)
    source, target, back = (photo.with_name(stem + end) for end in (".png", ".gsi", ".back.png"))
    source.write_bytes(photo.read_bytes())
    assert gsic("encode", source, target, *QUICK["encode"], "--json").report["bytes"] > 0
    assert gsic("decode", target, back, "--json").report["width"] == 48
    assert gsic("info", target, "--json").report["width"] == 48
    target.write_bytes(b"no file of ours")
    done = gsic("info", target)
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert done.err.removesuffix("\n").isprintable()


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii", "C locale"],
)
def test_any_name_can_be_reported_in_ascii(
    gsic_process: Process, tmp_path: Path, variables: dict[str, str]
) -> None:
    folder, output = tmp_path / "photos é", tmp_path / "results"
    folder.mkdir()
    for name in ODD:
        (folder / os.fsdecode(name + b".png")).write_bytes(b"not an image")
    for arguments in (("--json",), ()):
        command = ("bench", folder, "--output", output, "--bpp", "1", "--compare", "", *arguments)
        done = gsic_process(*command, env=os.environ | variables)
        assert done.returncode == 1
        assert b"Traceback" not in done.stderr
        assert len(done.stderr.decode("ascii").splitlines()) == len(ODD)
        done.stdout.decode("ascii")
    report = json.loads((output / "results.json").read_text())
    assert len({row["image"] for row in report["rows"]}) == len(ODD)
