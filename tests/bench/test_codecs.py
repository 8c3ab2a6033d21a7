"""The other codecs of `gsic bench`: their files, and the search for a file of a given size."""

import io
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gsic import metrics
from gsic.bench.codecs import mozjpeg
from gsic.bench.codecs.base import Unsupported
from gsic.bench.codecs.jpegxl import distance_of
from gsic.bench.codecs.registry import BASELINES
from gsic.bench.options import COMPARABLE, DEFAULT_COMPARE
from gsic.bench.sweep import Sample, Sweep

Pixels = NDArray[np.uint8]
# All codecs; tests of one whose library is not installed are skipped and say so.
MISSING = {name: BASELINES[name].missing() for name in COMPARABLE}
NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(bool(why), reason=f"{name}: {why}"))
    for name, why in MISSING.items()
]
# AVIF at speed 4 and with other tunes is the same code as at speed 6.
DISTINCT = [param for param in NAMES if not str(param.values[0]).startswith("avif-")]


def picture(height: int = 96, width: int = 128, channels: int = 3) -> Pixels:
    """Smooth colour with texture in one half, so that rate and quality both have room."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width]
    planes = [
        128
        + 90 * np.sin(x / (9 + 3 * c)) * np.cos(y / (11 + 2 * c))
        + (x > width / 2) * rng.normal(0, 18, (height, width))
        for c in range(channels)
    ]
    image = np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
    return image[..., 0] if channels == 1 else image


def test_every_comparable_codec_is_here() -> None:
    assert tuple(BASELINES) == COMPARABLE
    assert set(DEFAULT_COMPARE) <= set(COMPARABLE)
    for name, baseline in BASELINES.items():
        assert baseline.name == name
        assert list(baseline.ladder) == sorted(baseline.ladder)
        assert baseline.ladder[-1] < baseline.top
    assert len({baseline.digest for baseline in BASELINES.values()}) == len(BASELINES)


@pytest.mark.parametrize("name", DEFAULT_COMPARE)
def test_what_pillow_brings_is_there(name: str) -> None:
    assert MISSING[name] is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_is_of_its_format_and_decodes_to_the_same_shape(name: str, channels: int) -> None:
    baseline, image = BASELINES[name], picture(channels=channels)
    setting = baseline.ladder[-1]
    data = baseline.encode(image, setting)
    starts = {"jpeg": b"\xff\xd8", "mozjpeg": b"\xff\xd8", "jpeg2000": b"\xff\x4f\xff\x51"}
    starts |= {"webp": b"RIFF", "jxl": b"\xff\x0a"}
    if name in starts:
        assert data.startswith(starts[name])
    else:
        # "heic", or "heix" for one without chroma
        assert data[4:11] == (b"ftyphei" if name == "heic" else b"ftypavi")
    assert b"ICC" not in data
    assert b"Exif" not in data
    decoded = baseline.decode(data, channels)
    assert decoded.shape == image.shape
    assert decoded.dtype == np.uint8
    assert metrics.psnr(image, decoded) > 27


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_coded_or_refused_by_name(name: str, channels: int) -> None:
    baseline, image = BASELINES[name], picture(channels=channels)
    if name in ("jpeg", "mozjpeg"):
        with pytest.raises(Unsupported, match="jpeg cannot code"):
            baseline.encode(image, 50)
    else:
        setting = baseline.ladder[-1]
        assert baseline.decode(baseline.encode(image, setting), channels).shape == image.shape


def test_jpeg_is_420_with_optimised_tables() -> None:
    image = picture()
    data = BASELINES["jpeg"].encode(image, 30)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.layer[0][1:3] == (2, 2)  # type: ignore[attr-defined]
        assert opened.layer[1][1:3] == (1, 1)  # type: ignore[attr-defined]
    plain = io.BytesIO()
    Image.fromarray(image).save(plain, "JPEG", quality=30, subsampling="4:2:0")
    assert len(data) < len(plain.getvalue())


def test_jpeg_2000_is_lossy_rate_controlled_and_bare() -> None:
    image = picture(256, 256)
    for rate in (0.3, 1.0):
        data = BASELINES["jpeg2000"].encode(image, rate)
        assert data[:4] == b"\xff\x4f\xff\x51"  # start of codestream, not of a JP2 wrapper
        assert 8 * len(data) / (256 * 256) == pytest.approx(rate, rel=0.05)
    cod = data.index(b"\xff\x52")
    assert data[cod + 8] == 1  # irreversible colour transform
    assert data[cod + 13] == 0  # 9/7 wavelet


@pytest.mark.parametrize("name", DISTINCT)
def test_match_finds_the_nearest_file(name: str) -> None:
    baseline, image = BASELINES[name], picture()
    sweep = Sweep(baseline, image)
    ladder = sweep.ladder()
    size = round(math.sqrt(ladder[4].bytes * ladder[-2].bytes))
    found = sweep.match(size)
    assert found is not None
    off = abs(math.log(found.bytes / size))
    if baseline.knob == "rate":
        assert off <= 0.02
    else:
        assert found.setting == int(found.setting)
        for neighbour in (found.setting - 1, found.setting + 1):
            assert off <= abs(math.log(len(baseline.encode(image, neighbour)) / size)) + 1e-12
    data = baseline.encode(image, found.setting)
    assert len(data) == found.bytes
    assert found.psnr == metrics.psnr(image, baseline.decode(data, 3))


@pytest.mark.parametrize("name", DISTINCT)
def test_psnr_at_a_size_lies_between_the_neighbouring_files(name: str) -> None:
    sweep = Sweep(BASELINES[name], picture())
    ladder = sweep.ladder()
    size = round(math.sqrt(ladder[-3].bytes * ladder[-2].bytes))
    sweep.match(size)
    value = sweep.psnr_at(size)
    assert value is not None
    assert ladder[-3].psnr < value < ladder[-2].psnr
    assert sweep.psnr_at(ladder[-2].bytes) == pytest.approx(ladder[-2].psnr, abs=1e-9)


@pytest.mark.parametrize("name", DISTINCT)
def test_a_size_out_of_reach_has_no_file_and_no_quality(name: str) -> None:
    sweep = Sweep(BASELINES[name], picture())
    smallest = min(sample.bytes for sample in sweep.ladder())
    for size in (smallest - 1, 10_000_000):
        assert sweep.match(size) is None
        assert sweep.psnr_at(size) is None


def test_a_size_above_the_ladder_is_searched_up_to_the_top() -> None:
    sweep = Sweep(BASELINES["jpeg"], picture())
    size = sweep.ladder()[-1].bytes + 200
    found = sweep.match(size)
    assert found is not None
    assert BASELINES["jpeg"].ladder[-1] <= found.setting <= BASELINES["jpeg"].top
    assert sweep.psnr_at(size) is not None


def test_known_samples_are_not_measured_again() -> None:
    jpeg = BASELINES["jpeg"]
    known = [Sample(setting, 1000 + 10 * i, 20 + i, 0.1) for i, setting in enumerate(jpeg.ladder)]
    assert Sweep(jpeg, picture(8, 8), known).ladder() == known


@pytest.mark.parametrize("name", DISTINCT)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 37), (17, 3)])
def test_tiny_images_are_coded_or_refused_in_one_line(name: str, height: int, width: int) -> None:
    baseline, image = BASELINES[name], picture(height, width)
    refused, samples = "", []
    try:
        samples = Sweep(baseline, image).ladder()
    except Unsupported as error:
        refused = str(error)
    assert bool(samples) != refused.startswith(f"{name} cannot code")
    assert "\n" not in refused
    assert all(sample.bytes > 0 for sample in samples)


@pytest.mark.parametrize("name", NAMES)
def test_versions_name_the_package_and_the_library(name: str) -> None:
    package, *libraries = BASELINES[name].version.split(", ")
    assert package.split()[1][0].isdigit()
    assert libraries
    if name in DEFAULT_COMPARE:
        assert package.startswith("Pillow ")


def test_other_options_have_another_digest() -> None:
    jpeg = BASELINES["jpeg"]
    other = replace(jpeg, options={**jpeg.options, "subsampling": "4:4:4"})
    assert other.digest != jpeg.digest


@pytest.mark.parametrize(
    ("name", "package"),
    [("heic", "pillow_heif"), ("jxl", "imagecodecs"), ("mozjpeg", "pyvips")],
)
def test_a_codec_without_its_package_says_what_it_needs(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    why = BASELINES[name].missing()
    assert why is not None
    assert "pip install gsic[bench]" in why


def test_an_avif_encoder_without_a_tune_says_what_it_needs() -> None:
    avif = BASELINES["avif"]
    other = replace(avif, options={**avif.options, "advanced": {"tune": "none"}})
    why = other.missing()
    assert why is not None
    assert "libavif" in why


@pytest.mark.skipif(bool(MISSING["mozjpeg"]), reason=f"mozjpeg: {MISSING['mozjpeg']}")
def test_a_libvips_without_mozjpeg_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mozjpeg.MozJpeg._jpegsave

    def without_trellis(
        self: mozjpeg.MozJpeg, image: Pixels, setting: float, options: dict[str, object]
    ) -> bytes:
        return whole(self, image, setting, {**options, "trellis_quant": False})

    monkeypatch.setattr(mozjpeg.MozJpeg, "_jpegsave", without_trellis)
    assert "MozJPEG" in str(BASELINES["mozjpeg"].missing())


@pytest.mark.skipif(bool(MISSING["mozjpeg"]), reason=f"mozjpeg: {MISSING['mozjpeg']}")
def test_mozjpeg_is_progressive_420_and_smaller_at_equal_quality() -> None:
    image = picture(256, 256)
    data = BASELINES["mozjpeg"].encode(image, 40)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.info["progressive"]
        assert opened.layer[0][1:3] == (2, 2)  # type: ignore[attr-defined]
    ours = Sweep(BASELINES["mozjpeg"], image).match(len(data))
    assert ours is not None
    plain = Sweep(BASELINES["jpeg"], image)
    plain.match(len(data))
    at_size = plain.psnr_at(len(data))
    assert at_size is not None
    assert ours.psnr > at_size


@pytest.mark.skipif(bool(MISSING["avif-iq"]), reason=f"avif-iq: {MISSING['avif-iq']}")
def test_options_of_avif_reach_the_encoder() -> None:
    image = picture()
    files = {name: BASELINES[name].encode(image, 40) for name in BASELINES if "avif" in name}
    assert len(files) == 8
    assert len(set(files.values())) == 8


def test_distances_of_jpeg_xl() -> None:
    """Anchors of libjxl's mapping: 25 at quality 0, 1 at quality 90, continuous at 30."""
    assert distance_of(0) == 25
    assert distance_of(90) == pytest.approx(1.0)
    assert distance_of(29.999) == pytest.approx(distance_of(30), abs=0.01)


@pytest.mark.parametrize("name", DISTINCT)
def test_decoding_time_is_the_median_of_runs(name: str) -> None:
    baseline = BASELINES[name]
    data = baseline.encode(picture(), baseline.ladder[5])
    assert 0 < baseline.decode_ms(data, 3, runs=3) < 1000
