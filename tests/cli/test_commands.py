"""What the commands do and print when all is well."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import make_profile
from numpy.typing import NDArray
from PIL import Image

import gsic as package
from gsic.metrics import premultiply, psnr

Run = Callable[..., Any]
Pixels = Callable[[Path], NDArray[np.uint8]]

QUICK = ("--gaussians", "40", "--effort", "1")

ENCODE_KEYS = {
    *("bytes", "bpp", "psnr", "psnr_float", "ms_ssim", "gaussians", "iterations", "seconds"),
    *("compile_seconds", "profile", "device"),
}
DECODE_KEYS = {
    *("width", "height", "channels", "gaussians", "entropy_ms", "dequantise_ms", "render_ms"),
    *("total_ms", "compile_ms", "seconds"),
}


def test_encode_and_decode_a_photo(gsic: Run, photo: Path, pixels: Pixels) -> None:
    target, back = photo.with_suffix(".gsi"), photo.with_name("back.png")
    done = gsic("encode", photo, target, *QUICK, "--json")
    assert done.code == 0
    report = done.report
    assert set(report) >= ENCODE_KEYS
    assert report["bytes"] == target.stat().st_size
    assert report["bpp"] == pytest.approx(8 * target.stat().st_size / (48 * 32))
    assert report["ms_ssim"] is None
    assert report["profile"] == "gsic"
    assert report["device"] == "cpu"
    assert 0 < report["gaussians"] <= 40

    done = gsic("decode", target, back, "--json")
    assert done.code == 0
    assert set(done.report) >= DECODE_KEYS
    assert (done.report["width"], done.report["height"], done.report["channels"]) == (48, 32, 3)
    assert done.report["gaussians"] == report["gaussians"]
    # The claim of the encoder is what a decoder gets.
    assert psnr(pixels(photo), pixels(back)) == pytest.approx(report["psnr"], abs=1e-6)
    assert report["psnr"] > 20


def test_one_line_tells_bytes_rate_quality_and_time(gsic: Run, photo: Path) -> None:
    target = photo.with_suffix(".gsi")
    done = gsic("encode", photo, target, *QUICK)
    line = done.out.decode()
    assert len(line.splitlines()) == 1
    assert f"{target.stat().st_size} bytes" in line
    assert " bpp, " in line
    assert " dB, " in line
    assert line.endswith(" s\n")


def test_a_default_quality_is_used(gsic: Run, photo: Path) -> None:
    target = photo.with_suffix(".gsi")
    done = gsic("encode", photo, target, "--effort", "1", "--json")
    assert done.code == 0
    assert 0.02 < done.report["bpp"] < 4
    assert done.report["psnr"] > 25


def test_a_time_in_place_of_an_effort(gsic: Run, photo: Path) -> None:
    target = photo.with_suffix(".gsi")
    done = gsic("encode", photo, target, "--gaussians", "40", "--time", "0.2", "--json")
    assert done.code == 0
    assert 1 <= done.report["effort"] <= 9
    assert done.report["iterations"] > 0
    again = gsic("encode", photo, target, *QUICK, "--json")
    assert again.report["effort"] == 1


def test_quiet_says_nothing(gsic: Run, photo: Path) -> None:
    target, back = photo.with_suffix(".gsi"), photo.with_name("back.jpg")
    assert gsic("encode", photo, target, *QUICK, "-q")[:2] == (0, b"")
    assert gsic("decode", target, back, "--quiet") == (0, b"", "")
    assert gsic("info", target, "-q") == (0, b"", "")


def test_the_same_seed_gives_the_same_bytes(gsic: Run, photo: Path) -> None:
    targets = [photo.with_name(f"{index}.gsi") for index in range(3)]
    for target, seed in zip(targets, (3, 3, 4), strict=True):
        assert gsic("encode", photo, target, *QUICK, "--seed", seed).code == 0
    first, second, other = (target.read_bytes() for target in targets)
    assert first == second
    assert first != other


def test_psnr_is_tuned_for_by_default(gsic: Run, photo: Path) -> None:
    targets = [photo.with_name(f"{index}.gsi") for index in range(3)]
    for target, tune in zip(targets, ([], ["--tune", "psnr"], ["--tune", "ms-ssim"]), strict=True):
        assert gsic("encode", photo, target, *QUICK, *tune).code == 0
    default, psnr, other = (target.read_bytes() for target in targets)
    assert default == psnr != other


def test_threads_change_no_pixel(gsic: Run, coded: Path, pixels: Pixels) -> None:
    images = []
    for threads in (1, 2, 5):
        back = coded.with_name(f"{threads}.png")
        assert gsic("decode", coded, back, "--threads", threads).code == 0
        images.append(pixels(back))
    assert all(np.array_equal(image, images[0]) for image in images)


def test_a_region_is_the_crop_of_the_whole(gsic: Run, coded: Path, pixels: Pixels) -> None:
    whole, part = coded.with_name("whole.png"), coded.with_name("part.png")
    assert gsic("decode", coded, whole, "--scale", "1.5").code == 0
    assert gsic("decode", coded, part, "--scale", "1.5", "--region", "5,7,30,11").code == 0
    assert pixels(whole).shape == (48, 72, 3)
    np.testing.assert_array_equal(pixels(part), pixels(whole)[7:18, 5:35])


def test_lossy_suffixes_are_written_with_a_warning(gsic: Run, coded: Path) -> None:
    done = gsic("decode", coded, coded.with_name("back.jpg"))
    assert done.code == 0
    assert "JPEG is lossy" in done.err
    with Image.open(coded.with_name("back.jpg")) as image:
        assert image.format == "JPEG"


def test_info_tells_what_the_file_says(gsic: Run, coded: Path) -> None:
    report = gsic("info", coded, "--json").report
    assert (report["width"], report["height"], report["bytes"]) == (48, 32, coded.stat().st_size)
    text = gsic("info", coded).out.decode()
    assert len(text.splitlines()) >= len(report)
    assert all(name in text for name in report)
    assert gsic("info", coded, "--json").report == package.info(coded)


def test_fit_and_continue_from_it(gsic: Run, photo: Path, pixels: Pixels) -> None:
    fitted, target, back = (photo.with_name(name) for name in ("fit.npz", "a.gsi", "a.png"))
    done = gsic("fit", photo, fitted, "--gaussians", 40, "--iterations", 60, "--json")
    assert done.code == 0
    assert done.report["gaussians"] == 40
    assert done.report["iterations"] == 60
    with np.load(fitted, allow_pickle=False) as arrays:
        assert "version" in arrays
    done = gsic("encode", photo, target, "--init", fitted, "--effort", 1, "--json")
    assert done.code == 0
    assert gsic("decode", target, back).code == 0
    assert psnr(pixels(photo), pixels(back)) == pytest.approx(done.report["psnr"], abs=1e-6)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--loss", loss) for loss in ("l1", "ssim", "l1+ssim", "l2+ssim")),
        *(("--covariance", name) for name in ("cholesky", "rs")),
    ],
)
def test_fit_takes_every_loss_and_covariance(
    gsic: Run, photo: Path, option: str, value: str
) -> None:
    output = photo.with_name("fit.npz")
    done = gsic(
        "fit", photo, output, "--gaussians", 30, "--iterations", 20, option, value, "--json"
    )
    assert done.code == 0
    assert done.report["psnr"] > 12


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_modes(
    gsic: Run, tmp_path: Path, channels: int, scene: Callable[..., Any], pixels: Pixels
) -> None:
    source, target, back = (tmp_path / name for name in ("a.png", "a.gsi", "b.png"))
    image = scene(20, 24, channels)
    Image.fromarray(image).save(source)
    done = gsic("encode", source, target, *QUICK, "--json")
    assert gsic("decode", target, back).code == 0
    assert pixels(back).shape == image.shape
    decoded = psnr(premultiply(image), premultiply(pixels(back)))
    assert decoded == pytest.approx(done.report["psnr"], abs=0.05)


def test_an_icc_profile_travels_unless_it_is_dropped(gsic: Run, photo: Path) -> None:
    profile = make_profile()
    tagged, target, back = (photo.with_name(name) for name in ("t.png", "t.gsi", "b.png"))
    with Image.open(photo) as image:
        image.save(tagged, icc_profile=profile)
    assert gsic("encode", tagged, target, *QUICK).code == 0
    assert gsic("decode", target, back).code == 0
    with Image.open(back) as image:
        assert image.info["icc_profile"] == profile
    dropped = gsic("encode", tagged, target, *QUICK, "--keep", "none", "--json")
    assert "the ICC profile is left out; colours may look different" in dropped.err
    assert gsic("info", target, "--json").report["icc_bytes"] is None
    assert gsic("encode", tagged, target, "--keep", "icc,none").code == 2
    assert gsic("encode", tagged, target, "--keep", "exif").code == 2


def test_a_profile_larger_than_the_picture_is_said(gsic: Run, tmp_path: Path) -> None:
    source = tmp_path / "flat.png"
    profile = make_profile() + np.random.default_rng(0).bytes(3000)
    Image.new("RGB", (16, 16), (90, 120, 30)).save(source, icc_profile=profile)
    done = gsic("encode", source, tmp_path / "flat.gsi", *QUICK)
    assert "bytes are the ICC profile; --keep none leaves it out" in done.err


def test_what_a_format_loses_is_said(gsic: Run, photo: Path) -> None:
    tagged, target = photo.with_name("t.png"), photo.with_name("t.gsi")
    with Image.open(photo) as image:
        image.save(tagged, icc_profile=make_profile())
    assert gsic("encode", tagged, target, *QUICK).code == 0
    done = gsic("decode", target, photo.with_name("b.jp2"))
    assert "b.jp2: JPEG2000 cannot hold the ICC profile, which is left out" in done.err


def test_pictures_that_lossless_formats_hold_better_are_said(gsic: Run, tmp_path: Path) -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[::4] = 255
    source = tmp_path / "stripes.png"
    Image.fromarray(stripes).save(source)
    done = gsic("encode", source, tmp_path / "stripes.gsi", *QUICK)
    assert "are better kept in WebP or PNG" in done.err
    assert "better kept" not in gsic("encode", source, tmp_path / "s.gsi", *QUICK, "-q").err


def test_a_cut_off_picture_is_encoded_where_that_is_asked_for(gsic: Run, photo: Path) -> None:
    cut = photo.with_name("cut.png")
    cut.write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    assert gsic("encode", cut, photo.with_name("cut.gsi"), *QUICK).code == 1
    assert gsic("encode", cut, photo.with_name("cut.gsi"), *QUICK, "--accept-truncated").code == 0


def test_what_is_converted_is_said_on_stderr(gsic: Run, tmp_path: Path) -> None:
    source = tmp_path / "deep.png"
    Image.fromarray((np.arange(400).reshape(20, 20) * 160).astype(np.uint16)).save(source)
    done = gsic("encode", source, tmp_path / "deep.gsi", *QUICK)
    assert done.code == 0
    assert f"{source}: 16-bit channels are reduced to 8 bits" in done.err
    assert "16-bit" not in gsic("encode", source, tmp_path / "deep.gsi", *QUICK, "-q").err


def test_an_exact_image_has_no_finite_psnr(gsic: Run, tmp_path: Path) -> None:
    source, target = tmp_path / "flat.png", tmp_path / "flat.gsi"
    Image.new("RGB", (16, 16), (90, 120, 30)).save(source)
    done = gsic("encode", source, target, "--json")
    assert done.code == 0
    report = json.loads(done.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert report["psnr"] is None or math.isfinite(report["psnr"])


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 17), (23, 1), (2, 2), (31, 37)])
def test_any_size(
    gsic: Run, tmp_path: Path, width: int, height: int, scene: Callable[..., Any], pixels: Pixels
) -> None:
    source, target, back = (tmp_path / name for name in ("a.png", "a.gsi", "b.png"))
    image = scene(height, width)
    Image.fromarray(image).save(source)
    done = gsic("encode", source, target, "--effort", "1", "--json")
    assert done.code == 0
    assert gsic("decode", target, back).code == 0
    assert pixels(back).shape == (height, width, 3)
    shown = psnr(image, pixels(back))
    assert shown > 19
    assert done.report["psnr"] == (pytest.approx(shown) if math.isfinite(shown) else None)


def test_bench_a_folder(gsic: Run, photo: Path, scene: Callable[..., Any]) -> None:
    folder, output = photo.parent / "photos", photo.parent / "results"
    folder.mkdir()
    Image.fromarray(scene(32, 40)).save(folder / "a.png")
    (folder / "b.png").write_bytes(b"not an image")
    arguments = ("--bpp", "1.5", "--effort", 1, "--compare", "jpeg", "--output", output, "--json")
    done = gsic("bench", folder, *arguments)
    assert done.code == 1
    assert "b.png" in done.err
    assert done.report["images"] == 2
    assert {path.name for path in output.iterdir()} >= {
        *("results.csv", "results.json", "report.md", "rd.png")
    }
    rows = (output / "results.csv").read_text()
    (folder / "b.png").unlink()
    assert gsic("bench", folder, *arguments).code == 0
    kept = [line for line in rows.splitlines() if line.startswith("a.png")]
    assert set(kept) <= set((output / "results.csv").read_text().splitlines())


def test_version_and_help(gsic: Run) -> None:
    assert gsic("--version").out.decode() == f"gsic, version {package.__version__}\n"
    for command in ("encode", "decode", "fit", "bench", "info"):
        assert gsic(command, "--version").code == 0
        for flag in ("-h", "--help"):
            done = gsic(command, flag)
            assert done.code == 0
            assert b"Exit codes: 0 done" in done.out
