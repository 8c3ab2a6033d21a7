"""Files of the profile gaussianimage: sizes by the formula, bits-back, any Gaussians round."""

import math
from dataclasses import replace

import gaussianimage_scenes as scenes
import numpy as np
import pytest
from gaussianimage_scenes import PROFILE, every_way, file_of, scene, with_twins
from hypothesis import given, settings
from hypothesis import strategies as st

from gsic import container
from gsic.profiles.gaussianimage.bitstream import canonicalise, choose_bits_back, make_table
from gsic.profiles.gaussianimage.symbols import QuantisedImage


def read(data: bytes) -> QuantisedImage:
    return PROFILE.read(container.read(data))


def payload_bits(image: QuantisedImage) -> int:
    return 8 * len(PROFILE.write(image)[1])


def large(count: int, **options: object) -> QuantisedImage:
    return scene(count, 768, 512, **options)


def factorial_bits(count: int) -> float:
    return math.lgamma(count + 1) / math.log(2)


@pytest.mark.parametrize("count", [1, 7, 800, 3000])
def test_bit_packed_files_are_the_formula_and_the_container(count: int) -> None:
    """56 N + 1728 bits, and 19 bytes of container and 4 of kind beside varints of N and lengths."""
    image = large(count, coding="packed")
    parameters, payload = PROFILE.write(image)
    assert image.gaussian_bits == 56
    assert len(payload) == 7 * count
    varint_bytes = 1 + (count >= 128)
    assert len(parameters) == 1728 // 8 + varint_bytes + 4
    data = file_of(image)
    assert 8 * len(data) == 56 * count + 1728 + 8 * (len(data) - len(payload) - 216)
    assert len(data) - len(payload) - 216 in (24, 25, 26)


def test_bits_other_than_those_of_the_paper() -> None:
    for image in (
        scene(33, bits=8, coding="packed"),
        scene(33, bits=1, stages=1, size=2, coding="packed"),
        scene(33, color="scalar", bits=5, coding="packed"),
        scene(33, stages=3, size=256, coding="packed"),
    ):
        assert payload_bits(image) == 8 * math.ceil(33 * image.gaussian_bits / 8)
        assert read(file_of(image)).rows.tolist() == canonicalise(image).rows.tolist()


def test_ans_takes_the_entropy() -> None:
    image = large(3000)
    entropy = 32.0 * 3000
    for symbols in (image.shape, image.color):
        counts = np.unique(symbols, return_counts=True)[1]
        entropy -= float((counts * np.log2(counts / counts.sum())).sum())
    assert entropy - 8 <= payload_bits(image) <= entropy + 64


def test_golden_words_of_a_payload() -> None:
    """Three Gaussians: 16-bit fields, then the symbols with the tables of their histograms."""
    image = replace(
        scene(3, bits=1, stages=1, size=2),
        position=np.array([[1, 2], [3, 4], [5, 6]], np.uint16),
        shape=np.array([[0, 1, 1], [1, 1, 0], [1, 1, 1]]),
        color=np.array([[0], [1], [1]]),
    )
    parameters, payload = PROFILE.write(image)
    # Counts 2, 7 and 1, 2 in 3 and 2 bits, from the lowest.
    assert parameters[-4:] == bytes([3, 0b111010, 2, 0b1001])
    assert payload.hex() == GOLDEN_PAYLOAD


GOLDEN_PAYLOAD = "03c0000100050003000400021c710006ff"


def test_tables_are_in_proportion() -> None:
    table = make_table(np.array([0, 1, 1_000_000, 3]))
    assert table.frequencies.sum() == 2**24
    assert table.frequencies.tolist()[:2] == [1, 17]
    assert make_table(np.array([5, 5])).frequencies.tolist() == [2**23, 2**23]


@pytest.mark.parametrize(
    ("count", "plain"),
    [(800, 101), (1000, 130), (3000, 450), (5000, 796), (7000, 1156), (9000, 1526)],
)
def test_plain_gaussians_at_56_bits_each(count: int, plain: int) -> None:
    image = large(count, coding="packed")
    assert choose_bits_back(image, "partial").plain == plain
    assert choose_bits_back(image, "full").plain == 1


@pytest.mark.parametrize("coding", ["packed", "ans"])
def test_bits_back_saves_what_the_paper_says(coding: str) -> None:
    image = large(3000, coding=coding)
    written = payload_bits(image)
    partial = choose_bits_back(image, "partial")
    left = len(image) - (partial.plain or 0)
    promised = factorial_bits(left) - math.log2(left)
    assert abs(written - payload_bits(partial) - promised) <= 40
    full = written - payload_bits(choose_bits_back(image, "full"))
    assert factorial_bits(3000) - 100 < full < factorial_bits(3000) + 8


@pytest.mark.parametrize("twins", [False, True])
def test_every_way_holds_the_same_gaussians_in_the_same_order(twins: bool) -> None:
    image = scene(90, seed=2)
    image = with_twins(image) if twins else image
    expected = canonicalise(image).rows.tolist()
    sizes = []
    for one in every_way(image):
        data = file_of(one)
        again = read(data)
        assert again.rows.tolist() == expected
        assert (again.coding, again.plain) == (one.coding, one.plain)
        sizes.append(len(data))
    assert sizes[0] > sizes[1] > sizes[2]


def test_permuting_changes_no_bit() -> None:
    for image in every_way(with_twins(scene(70))):
        order = np.random.default_rng(1).permutation(len(image))
        assert file_of(image.select(order)) == file_of(image)


def test_twins_need_plain_gaussians() -> None:
    image = scene(4).select(np.zeros(9, np.int64))
    assert choose_bits_back(image, "full").plain == 8
    with pytest.raises(ValueError, match="occur again"):
        PROFILE.write(replace(image, plain=7))


def test_what_info_says() -> None:
    data = file_of(choose_bits_back(scene(90), "partial"))
    told = PROFILE.describe(container.read(data))
    plain = told.pop("plain_gaussians")
    assert 1 < plain < 40
    assert told == {
        "gaussians": 90,
        "covariance": "cholesky",
        "covariance_bits": 6,
        "color": "rvq",
        "stages": 2,
        "codebook": 8,
        "coding": "ans",
    }
    told = PROFILE.describe(container.read(file_of(scene(3, color="scalar", covariance="rs"))))
    assert (told["covariance"], told["color"], told["color_bits"]) == ("rs", "scalar", 6)


IMAGES = st.builds(
    scene,
    st.integers(1, 60),
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(1, 4),
    st.integers(0, 99),
    covariance=st.sampled_from(["cholesky", "rs"]),
    color=st.sampled_from(["rvq", "scalar"]),
    bits=st.integers(1, 8),
    stages=st.integers(1, 8),
    size=st.integers(2, 256),
    coding=st.sampled_from(["packed", "ans"]),
    bits_back=st.sampled_from(["none", "partial", "full"]),
)


@settings(max_examples=80)
@given(IMAGES, st.booleans())
def test_any_gaussians_come_back(image: QuantisedImage, twins: bool) -> None:
    if twins and len(image) > 1 and image.plain is None:
        image = with_twins(image)
    again = read(file_of(image))
    assert again.rows.tolist() == canonicalise(image).rows.tolist()
    assert again.covariance == image.covariance
    assert again.plain == image.plain
    np.testing.assert_array_equal(again.shape_quantiser.step, image.shape_quantiser.step)
    np.testing.assert_array_equal(again.shape_quantiser.origin, image.shape_quantiser.origin)
    for one, other in zip(again.color_quantiser, image.color_quantiser, strict=True):
        np.testing.assert_array_equal(one, other)


def test_golden_files_are_made_as_they_were() -> None:
    folder = scenes.__file__.replace("support/gaussianimage_scenes.py", "golden/v1/")
    for name, data in scenes.files().items():
        with open(f"{folder}{name}.gsi", "rb") as file:
            assert file.read() == data, name
