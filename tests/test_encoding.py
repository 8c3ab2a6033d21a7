"""Images to files, with a fit in the place of the real one that draws a mosaic."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fit_samples import fit_of
from numpy.typing import NDArray

import gsic
from gsic import decoding, encoding, pixels
from gsic.container import Mode
from gsic.encoders.base import EncodeJob, Encoding
from gsic.errors import BackendError, InputError, OptionError
from gsic.fitting.result import Fit
from gsic.metrics import ms_ssim, premultiply, psnr
from gsic.options import EncodeOptions, Limits
from gsic.profiles.gsic.quantisation import Classes, quantise
from gsic.profiles.gsic.symbols import Header, QuantisedImage, Symbols, find_step_index

Scene = Callable[..., NDArray[np.uint8]]


def mosaic(planes: NDArray[np.float32]) -> tuple[Header, Symbols]:
    """A wide Gaussian on every fourth pixel: a blurred image."""
    height, width, channels = planes.shape
    background = planes.mean(axis=(0, 1))
    levels = tuple(int(level) for level in np.rint(255 * background))
    header = Header(width, height, channels, find_step_index(0.05), levels)
    y, x = (grid.ravel() for grid in np.mgrid[0:height:4, 0:width:4])
    color = (planes[y, x] - background).astype(np.float64) * 1.0186
    theta = np.tile([2 * math.log(2.5), 0.0, 0.0], (len(x), 1))
    color *= 16 / (2 * math.pi * 2.5**2)
    classes = Classes(np.full(len(x), 3), np.full(len(x), 3))
    # From the last to the first: the file has an order of its own.
    mean = np.stack((x + 0.5, y + 0.5), axis=1)[::-1]
    return header, quantise(header, classes, mean, theta, color[::-1])


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the codec gives an encoder, whose place a mosaic takes, and what it gets for `code`."""
    seen: dict[str, Any] = {}

    def encode(job: EncodeJob) -> Encoding:
        coded = job.code(QuantisedImage(*mosaic(job.planes[:])))
        seen.update(vars(job), planes=job.planes[:], coded=coded)
        return Encoding(coded.data, psnr_float=30.25, iterations=7, effort=5)

    monkeypatch.setattr(encoding, "find_encoder", lambda profile: encode)
    return seen


def grey_as(channels: int, scene: Scene) -> NDArray[np.uint8]:
    image = scene(26, 34, channels)
    image[..., :3] = image[..., :1]
    return image


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_encode_and_decode(fitted: dict[str, Any], scene: Scene, channels: int) -> None:
    image = scene(26, 34, channels)
    encoded = encoding.encode_with_report(image, EncodeOptions(), threads=2)
    decoded = gsic.decode(encoded.data)
    assert decoded.shape == image.shape
    assert encoded.report.psnr == psnr(*(pixels.to_comparable(each) for each in (image, decoded)))
    assert encoded.report.psnr > 20
    # What the fit was told of its symbols is what a decoder shows.
    assert fitted["coded"].data == encoded.data
    assert fitted["coded"].psnr == encoded.report.psnr
    np.testing.assert_array_equal(fitted["planes"].squeeze(), premultiply(image))
    assert fitted["planes"].dtype == np.float32


def test_the_report(fitted: dict[str, Any], scene: Scene) -> None:
    image = scene(176, 180)
    encoded = encoding.encode_with_report(image, EncodeOptions(), threads=1)
    report = encoded.report
    assert set(report.to_json()) >= {
        *("bytes", "bpp", "psnr", "psnr_float", "ms_ssim", "gaussians", "iterations", "seconds"),
        *("compile_seconds", "profile", "device"),
    }
    assert report.bytes == len(encoded.data)
    assert report.bpp == 8 * len(encoded.data) / (176 * 180)
    assert report.ms_ssim == ms_ssim(image, gsic.decode(encoded.data))
    assert (report.psnr_float, report.iterations) == (30.25, 7)
    assert report.gaussians == gsic.info(encoded.data)["gaussians"]
    assert (report.profile, report.device) == ("gsic", "cpu")
    assert report.seconds > 0
    assert report.compile_seconds >= 0


def test_what_is_not_defined_is_none(fitted: dict[str, Any]) -> None:
    report = encoding.encode_with_report(np.full((9, 9, 3), 77, np.uint8), EncodeOptions()).report
    assert report.psnr is None
    assert report.ms_ssim is None


@pytest.mark.parametrize(("channels", "mode"), [(3, "RGB_AS_L"), (4, "RGBA_AS_LA")])
def test_grey_in_rgb_is_coded_as_grey(
    fitted: dict[str, Any], scene: Scene, channels: int, mode: str
) -> None:
    image = grey_as(channels, scene)
    data = gsic.encode(image)
    assert gsic.info(data)["mode"] == mode
    assert fitted["planes"].shape[2] == channels - 2
    decoded = gsic.decode(data)
    assert decoded.shape == image.shape
    assert (decoded[..., 0] == decoded[..., 2]).all()
    np.testing.assert_array_equal(fitted["planes"][..., 0], premultiply(image)[..., 1])


def test_colour_under_alpha_0_does_not_matter(fitted: dict[str, Any], scene: Scene) -> None:
    image = grey_as(4, scene)
    image[:9, :, 3] = 0
    before = gsic.encode(image)
    image[:9, :, :3] = np.random.default_rng(0).integers(0, 256, (9, 34, 3))
    assert gsic.encode(image) == before
    assert (fitted["planes"][:9] == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 4), (1, 23, 3), (29, 1, 2)])
def test_any_size(fitted: dict[str, Any], shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    encoded = encoding.encode_with_report(image, EncodeOptions())
    decoded = gsic.decode(encoded.data)
    assert decoded.shape == shape
    shown = psnr(*(pixels.to_comparable(each) for each in (image, decoded)))
    assert encoded.report.psnr == (shown if math.isfinite(shown) else None)
    # Noise is blurred to about its mean.
    assert shown > 8
    size = gsic.info(encoded.data)
    assert (size["width"], size["height"]) == (shape[1], shape[0])


def test_arrays_of_any_layout(fitted: dict[str, Any], scene: Scene) -> None:
    image = scene(20, 30)
    image.flags.writeable = False
    data = gsic.encode(image)
    assert gsic.encode(np.asfortranarray(image)) == data
    assert gsic.encode(image[::-1][::-1]) == data


def test_options_reach_the_fit(fitted: dict[str, Any], scene: Scene) -> None:
    def progress(done: int, total: int, text: str) -> None:
        pass

    asked: dict[str, Any] = {"bpp": 0.5, "effort": 2, "tune": "ms-ssim", "seed": 4}
    asked["settings"] = {"steps": 10}
    gsic.encode(scene(9, 9), **asked, threads=3, progress=progress)
    assert fitted["options"] == EncodeOptions(**asked)
    assert (fitted["threads"], fitted["progress"], fitted["init"]) == (3, progress, None)
    assert fitted["backend"].name == "cpu"


def test_a_start_from_another_image(fitted: dict[str, Any], scene: Scene) -> None:
    def start(width: int, height: int, channels: int) -> Fit:
        return fit_of(5, channels, width=width, height=height)

    gsic.encode(scene(9, 8), init=start(8, 9, 3))
    assert fitted["init"].width == 8
    for width, height, channels in [(9, 8, 3), (8, 9, 1), (8, 10, 3)]:
        with pytest.raises(InputError, match=f"init: a fit of {width}x{height}"):
            gsic.encode(scene(9, 8), init=start(width, height, channels))


def test_an_icc_profile_is_kept(fitted: dict[str, Any], scene: Scene) -> None:
    data = gsic.encode(scene(9, 8), icc=b"profile")
    assert decoding.decode_with_report(data).icc == b"profile"
    assert gsic.info(gsic.encode(scene(9, 8), icc=b""))["icc_bytes"] is None


def test_an_icc_profile_is_compressed(fitted: dict[str, Any], scene: Scene) -> None:
    plain = len(gsic.encode(scene(9, 8)))
    assert len(gsic.encode(scene(9, 8), icc=bytes(100_000))) < plain + 200
    with pytest.raises(InputError, match="icc: a profile of 16777217 bytes"):
        gsic.encode(scene(9, 8), icc=bytes((1 << 24) + 1))


def test_a_rate_out_of_reach_names_the_profile() -> None:
    profile = np.random.default_rng(0).bytes(2000)
    image = np.zeros((9, 8, 3), np.uint8)
    with pytest.raises(InputError, match=r"bytes of it are the ICC profile$"):
        gsic.encode(image, max_bytes=1000, effort=1, icc=profile)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0), np.uint8),
        np.broadcast_to(np.uint8(0), (2**14, 2**13 + 1, 3)),
        np.broadcast_to(np.uint8(0), (1, 2**22 + 1)),
        [[1, 2], [3, 4]],
        None,
    ],
    ids=lambda image: str(getattr(image, "shape", image)),
)
@pytest.mark.parametrize("call", [gsic.encode, gsic.fit], ids=["encode", "fit"])
def test_images_that_are_none(call: Any, image: Any) -> None:
    with pytest.raises(InputError, match=r"^image: ") as caught:
        call(image)
    assert not isinstance(caught.value, OptionError)
    assert len(str(caught.value).splitlines()) == 1


def test_options_are_refused_before_any_work(scene: Scene) -> None:
    image = scene(5, 5)
    for options in ({"bpp": 0.0}, {"bpp": 1.0, "quality": 3}, {"device": "tpu"}, {"threads": 0}):
        with pytest.raises(OptionError):
            gsic.encode(image, **options)
    for options in ({"gaussians": 0}, {"loss": "l3"}, {"device": "tpu"}, {"threads": 0}):
        with pytest.raises(OptionError):
            gsic.fit(image, **options)


def test_a_gpu_that_is_not_there(scene: Scene) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    for call in (gsic.encode, gsic.fit):
        with pytest.raises(BackendError, match="cuda"):
            call(scene(5, 5), device="cuda")


def test_the_limits_of_encoding_are_those_of_decoding() -> None:
    assert Limits().pixels == 2**27
    assert pixels.choose_mode(np.broadcast_to(np.uint8(0), (2**13, 2**13))) is Mode.L
