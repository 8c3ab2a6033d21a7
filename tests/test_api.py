"""Arguments of the Python functions: each is checked, in one line, before any work starts."""

import dataclasses
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gsic
from gsic import api, decoding, encoding
from gsic.errors import InputError, OptionError

Scene = Callable[..., NDArray[np.uint8]]


class Unprintable:
    """A value whose description fails, and which is neither equal to anything nor hashable."""

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


STRANGE: list[Any] = [
    *("text", b"bytes", "", [], {}, (), object(), Unprintable(), np.arange(9.0), np.bool_(True)),
    *(1 + 2j, True, math.nan, -math.inf, 10**5000, np.float32("nan"), np.array("x"), print),
    *({"a": 1}, [[1, 2], [3]], "x" * 10**6, "a\nb", "\ud800", np.zeros((3, 3, 3, 3)), range(3)),
]
# What may be given all the same, by the name of the argument.
FINE: dict[str, list[Any]] = {"settings": [{}, {"a": 1}], "icc": [b"bytes"], "progress": [print]}


def check_refused(call: Callable[..., object], name: str, value: Any) -> None:
    """An argument of a strange kind is refused in one printable line that names it."""
    if any(type(value) is type(fine) and value == fine for fine in FINE.get(name, [])):
        return
    with pytest.raises(InputError) as caught:
        call(**{name: value})
    message = str(caught.value)
    assert name.rstrip("s") in message or "unknown setting" in message
    assert message.isprintable()
    assert len(message) < 400


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fitted, opened or drawn."""

    def work(*_: object, **__: object) -> None:
        pytest.fail("work has begun")

    monkeypatch.setattr(encoding, "find_encoder", work)
    monkeypatch.setattr("gsic.fitting.api.fit_image", work)
    for module in (api, decoding):
        monkeypatch.setattr(module, "open_file", work)
    monkeypatch.setattr(api, "read_bytes", work)


ENCODE = (
    *("quality", "bpp", "max_bytes", "psnr", "gaussians", "profile", "effort", "tune", "seed"),
    "time",
    *("settings", "device", "threads", "icc", "progress", "init"),
)
FIT = (
    *("gaussians", "iterations", "loss", "covariance", "blend", "optimizer", "seed", "settings"),
    *("device", "threads", "progress"),
)
DECODE = ("scale", "region", "device", "threads", "limits", "out")


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("name", ENCODE)
def test_encode(scene: Scene, name: str) -> None:
    for value in STRANGE:
        check_refused(lambda **given: gsic.encode(scene(8, 9), **given), name, value)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("name", FIT)
def test_fit(scene: Scene, name: str) -> None:
    for value in STRANGE:
        check_refused(lambda **given: gsic.fit(scene(8, 9), **given), name, value)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("name", DECODE)
def test_decode(name: str) -> None:
    for value in STRANGE:
        check_refused(lambda **given: gsic.decode("a.gsi", **given), name, value)
        # Not when the first image is asked for.
        check_refused(lambda **given: gsic.decode_many(["a.gsi"], **given), name, value)


@pytest.mark.usefixtures("no_work")
def test_sources() -> None:
    for call in (gsic.decode, gsic.info):
        for value in (None, 5, [b"a"], np.zeros(9, np.uint8), object()):
            with pytest.raises(InputError, match="bytes or a path are needed"):
                call(value)  # type: ignore[arg-type]
    for value in (None, 5, "a.gsi", b"a", bytearray(b"a"), Path("a.gsi"), memoryview(b"a")):
        with pytest.raises(InputError, match="an iterable of them is needed"):
            gsic.decode_many(value)  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    "image",
    [
        *(None, "photo.png", b"bytes", [[0, 1], [2, 3]], memoryview(bytes(9)), np.uint8(7)),
        *(np.zeros(9, np.uint8), np.zeros((2, 2, 1), np.uint8), np.zeros((2, 2, 5), np.uint8)),
        *(np.zeros((0, 2), np.uint8), np.zeros((2, 2), bool), np.zeros((2, 2), np.int8)),
        *(np.zeros((2, 2, 3)), np.zeros((2, 2), object), np.zeros((2, 2), "U9")),
        *(np.zeros((2, 2), [("r", "u1"), ("g", "u1")]), np.zeros((1, 2, 2, 3), np.uint8)),
    ],
    ids=lambda image: f"{type(image).__name__}-{getattr(image, 'dtype', '')}",
)
def test_images(image: Any) -> None:
    for call in (gsic.encode, gsic.fit):
        with pytest.raises(InputError, match=r"^image: ") as caught:
            call(image)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("call", [gsic.encode, gsic.fit])
def test_settings_are_checked_before_the_first_step(
    scene: Scene, call: Callable[..., object]
) -> None:
    def begun(*_: object) -> None:
        pytest.fail("the fit has begun")

    name = "steps" if call is gsic.encode else "lr_color"
    for value in (
        None,
        "text",
        [],
        {},
        object(),
        1j,
        np.arange(3),
        math.nan,
        10**400,
        Unprintable(),
    ):
        with pytest.raises(OptionError, match=f"setting {name}") as caught:
            call(scene(8, 9), settings={name: value}, progress=begun)
        assert str(caught.value).isprintable()
    with pytest.raises(OptionError, match="unknown setting"):
        call(scene(8, 9), settings={"a" * 10**6: 1}, progress=begun)


def test_equivalent_arguments_give_the_same(scene: Scene) -> None:
    image = scene(12, 14)
    plain = gsic.encode(image, gaussians=9, effort=1, seed=3, settings={"steps": 20}, icc=b"icc")
    settings = {"steps": np.int64(20)}
    for icc in (bytearray(b"icc"), memoryview(b"xicc")[1:], memoryview(b"iaccc"[::1])[::2]):
        given: dict[str, Any] = {"effort": np.uint8(1), "seed": np.int64(3), "icc": icc}
        same = gsic.encode(image, gaussians=np.int32(9), settings=settings, threads=1, **given)
        assert len(same) == len(plain)
        assert bytes(icc) != b"icc" or same == plain
    whole = np.zeros((24, 28, 6), np.uint8)
    whole[::2, ::2, ::2] = image
    for other in (
        *(np.asfortranarray(image), whole[::2, ::2, ::2], image[::-1][::-1]),
        *(np.ma.masked_array(image, image > 99), image.view(np.recarray)),
    ):
        options: dict[str, Any] = {"gaussians": 9, "effort": 1, "seed": 3, "icc": b"icc"}
        assert gsic.encode(other, settings={"steps": 20}, **options) == plain
    expected = gsic.decode(plain, scale=0.5, region=(1, 2, 3, 4))
    for scale in (np.float32(0.5), np.float64(0.5), Fraction(1, 2)):
        for region in ([1, 2, 3, 4], np.array([1, 2, 3, 4]), range(1, 5)):
            shown = gsic.decode(bytearray(plain), scale=scale, region=region)  # type: ignore[arg-type]
            np.testing.assert_array_equal(shown, expected)


def test_a_fit_whose_arrays_were_changed_is_refused(scene: Scene) -> None:
    image = scene(12, 14)
    fit = gsic.fit(image, gaussians=9, iterations=3)
    for change in ({"mean": [[1.0, 2.0]]}, {"color": fit.color[:5]}, {"width": "14"}):
        with pytest.raises(InputError):
            dataclasses.replace(fit, **change)
    with pytest.raises(InputError):
        dataclasses.replace(fit, theta=fit.theta.astype(np.float32))
    fit.mean[3] = math.nan
    with pytest.raises(InputError, match="mean holds values that are not finite"):
        gsic.encode(image, init=fit)
