"""ICC profiles: which pixels they describe, and whether they are sRGB."""

import pytest
from image_files import P3, SRGB, make_profile
from PIL import Image, ImageCms

from gsic.images import icc


@pytest.mark.parametrize("space", ["RGB", "GRAY", "CMYK", "Lab"])
def test_the_space_of_a_profile(space: str) -> None:
    assert icc.read_space(make_profile(space)) == space


@pytest.mark.parametrize("kind", [b"link", b"abst", b"nmcl"])
def test_profiles_that_describe_no_pixels_have_no_space(kind: bytes) -> None:
    profile = make_profile()
    assert icc.read_space(profile[:12] + kind + profile[16:]) is None


def test_damaged_profiles_have_no_space() -> None:
    profile = make_profile()
    for damaged in (b"", b"profile", profile[:127], profile[:-1], bytes(200)):
        assert icc.read_space(damaged) is None
    assert icc.read_space(profile + b"padding") == "RGB"


def test_only_what_shows_as_srgb_is_srgb() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert icc.is_srgb(srgb)
    assert not icc.is_srgb(make_profile("RGB", SRGB, 1.8))
    assert not icc.is_srgb(make_profile("RGB", P3, 2.2))
    assert not icc.is_srgb(make_profile("GRAY", gamma=1.8))
    assert not icc.is_srgb(make_profile("CMYK"))
    assert not icc.is_srgb(b"profile")


def test_a_profile_that_cannot_be_used_converts_nothing() -> None:
    assert icc.convert_to_srgb(Image.new("CMYK", (2, 2)), make_profile("CMYK")) is None
    assert icc.convert_to_srgb(Image.new("CMYK", (2, 2)), b"profile") is None
