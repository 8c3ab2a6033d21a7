"""Bad inputs and outputs are refused with exit 1, one line that names file and cause, no output."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., Any]


def png_header(width: int, height: int) -> bytes:
    """A PNG file that declares a size and holds one row of nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99)))


def truncated() -> bytes:
    buffer = io.BytesIO()
    noise = np.arange(60 * 60 * 3).reshape(60, 60, 3) * 7919 % 256
    Image.fromarray(noise.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


BAD_IMAGES = {
    "text": (b"I am not an image\n", "not an image"),
    "empty": (b"", "is empty"),
    "truncated": (truncated(), "truncated"),
    "zero width": (png_header(0, 5), ""),
    "zero height": (png_header(5, 0), ""),
    "decompression bomb": (png_header(60000, 60000), "limit"),
    "absurd size": (png_header(2**31 - 1, 2**31 - 1), "limit"),
}


def check_refused(done: Any, name: str, cause: str, folder: Path, files: list[str]) -> None:
    assert done.code == 1
    assert done.out == b""
    lines = done.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"gsic: error: {name}: ")
    assert cause in lines[0]
    assert sorted(path.name for path in folder.iterdir()) == sorted(files)


@pytest.mark.parametrize("command", ["encode", "fit"])
@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_images_that_are_none(gsic: Run, tmp_path: Path, command: str, kind: str) -> None:
    data, cause = BAD_IMAGES[kind]
    source = tmp_path / "bad.png"
    source.write_bytes(data)
    done = gsic(command, source, tmp_path / "out.gsi")
    check_refused(done, str(source), cause, tmp_path, ["bad.png"])


@pytest.mark.parametrize("command", ["encode", "fit", "decode", "info"])
def test_inputs_that_are_no_files(gsic: Run, tmp_path: Path, command: str) -> None:
    output = [] if command == "info" else [tmp_path / "out.png"]
    missing = tmp_path / "missing"
    check_refused(gsic(command, missing, *output), str(missing), "no such file", tmp_path, [])
    folder = tmp_path / "folder"
    folder.mkdir()
    done = gsic(command, folder, *output)
    check_refused(done, str(folder), "is a directory", tmp_path, ["folder"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("command", ["encode", "fit", "decode", "info"])
def test_unreadable_inputs(gsic: Run, tmp_path: Path, command: str) -> None:
    source = tmp_path / "locked"
    source.write_bytes(b"")
    source.chmod(0)
    output = [] if command == "info" else [tmp_path / "out.png"]
    done = gsic(command, source, *output)
    check_refused(done, str(source), "permission denied", tmp_path, ["locked"])


@pytest.mark.parametrize("command", ["encode", "fit", "decode"])
def test_outputs_that_cannot_be_made(gsic: Run, photo: Path, command: str) -> None:
    folder = photo.parent
    lost = folder / "missing" / "out.png"
    done = gsic(command, photo, lost)
    check_refused(done, str(lost), "does not exist", folder, ["photo.png"])
    done = gsic(command, photo, folder)
    check_refused(done, str(folder), "is a directory", folder, ["photo.png"])
    done = gsic(command, photo, photo)
    check_refused(done, str(photo), "would overwrite the input", folder, ["photo.png"])


@pytest.mark.parametrize("data", [b"", b"G", b"PNG not at all" * 9, bytes(3000)])
@pytest.mark.parametrize("command", ["decode", "info"])
def test_files_that_are_not_gsi(gsic: Run, tmp_path: Path, command: str, data: bytes) -> None:
    source = tmp_path / "bad.gsi"
    source.write_bytes(data)
    output = [] if command == "info" else [tmp_path / "out.png"]
    check_refused(gsic(command, source, *output), str(source), "", tmp_path, ["bad.gsi"])


@pytest.mark.parametrize("command", ["decode", "info"])
def test_damaged_gsi_files(gsic: Run, coded: Path, command: str) -> None:
    data = coded.read_bytes()
    coded.unlink()
    source = coded.with_name("bad.gsi")
    output = [] if command == "info" else [coded.with_name("out.png")]
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 4
    for bad in (data[:-1], data[: len(data) // 2], data[:5], bytes(flipped), data + b"\0"):
        source.write_bytes(bad)
        done = gsic(command, source, *output)
        check_refused(done, str(source), "", source.parent, ["bad.gsi", "photo.png"])


def test_a_region_outside_the_image(gsic: Run, coded: Path) -> None:
    output = coded.with_name("out.png")
    for region, scale in (("0,0,49,32", "1"), ("47,31,2,1", "1"), ("0,0,25,16", "0.5")):
        done = gsic("decode", coded, output, "--region", region, "--scale", scale)
        assert done.code == 2
        assert "region" in done.err
        assert len(done.err.splitlines()) == 1
        assert not output.exists()


@pytest.mark.parametrize("rate", ["--max-bytes", "--psnr"])
def test_a_target_out_of_reach_names_the_nearest(gsic: Run, tmp_path: Path, rate: str) -> None:
    # Too large for a Gaussian on each pixel, which would be exact.
    noise = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    source, output = tmp_path / "noise.png", tmp_path / "noise.gsi"
    Image.fromarray(noise).save(source)
    value = {"--max-bytes": "5", "--psnr": "99"}[rate]
    done = gsic("encode", source, output, rate, value, "--effort", "1")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert any(character.isdigit() for character in done.err.replace(str(source), ""))
    assert not output.exists()


def test_an_init_file_that_is_none(gsic: Run, photo: Path) -> None:
    output = photo.with_suffix(".gsi")
    bad = photo.with_name("bad.npz")
    bad.write_bytes(b"not a zip file")
    for init in (bad, photo.with_name("missing.npz")):
        done = gsic("encode", photo, output, "--init", init)
        assert done.code == 1
        assert done.err.startswith(f"gsic: error: {init}: ")
        assert len(done.err.splitlines()) == 1
        assert not output.exists()


@pytest.mark.parametrize("command", ["encode", "fit"])
def test_a_gpu_that_is_not_there(gsic: Run, photo: Path, command: str) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    output = photo.with_name("out.gsi")
    done = gsic(command, photo, output, "--device", "cuda")
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert "cuda" in done.err.lower()
    assert not output.exists()


def test_decoding_on_a_gpu_that_is_not_there(gsic: Run, coded: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    done = gsic("decode", coded, coded.with_name("out.png"), "--device", "cuda")
    assert done.code == 3
    assert not coded.with_name("out.png").exists()


def test_bench_of_no_folder(gsic: Run, tmp_path: Path) -> None:
    done = gsic("bench", tmp_path / "missing", "--output", tmp_path / "results")
    assert done.code == 1
    assert "missing" in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
