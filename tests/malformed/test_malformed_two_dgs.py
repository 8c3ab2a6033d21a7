"""Files of the profile 2dgs that no encoder made."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_dgs_scenes import random_scene

import gsic
from gsic import container
from gsic.coding.range_coder import RangeWriter, build_model_from_counts
from gsic.container import Container, Mode, varint
from gsic.errors import CorruptFile, FormatError, LimitError
from gsic.options import Limits
from gsic.profiles.two_dgs import bitstream
from gsic.profiles.two_dgs.symbols import Grid, QuantisedImage

GRID = Grid(40, 30, 1, False)


def file_with(parameters: bytes, payload: bytes, mode: Mode = Mode.L) -> bytes:
    return container.write(Container(3, 40, 30, mode, parameters, payload))


def refused(data: bytes) -> bool:
    """True when the data is refused; any error but the two declared ones is a failure."""
    try:
        gsic.decode(data, limits=Limits(pixels=2**16), threads=1)
    except (FormatError, LimitError):
        return True
    return False


@given(
    parameters=st.binary(max_size=48), payload=st.binary(max_size=200), mode=st.sampled_from(Mode)
)
def test_noise_for_parameters_and_payload(parameters: bytes, payload: bytes, mode: Mode) -> None:
    refused(file_with(parameters, payload, mode))


@given(payload=st.binary(max_size=100).map(lambda data: data + bytes(-len(data) % 4)))
def test_noise_for_a_payload(payload: bytes) -> None:
    parameters = fields(0, 12, 3, 4, 4, 4)
    refused(file_with(parameters, payload))


def fields(flags: int, count: int, shapes: int, colors: int, *bits: int) -> bytes:
    """Parameters of a grey file, with bounds from 0 to 1."""
    head = varint(flags) + varint(count) + varint(shapes) + varint(colors) + bytes(bits)
    return head + 7 * b"\0\0\xff\xff"


@pytest.mark.parametrize(
    ("parameters", "payload", "cause"),
    [
        (fields(4, 3, 1, 1, 4, 4), bytes(40), "flags 4"),
        (varint(0) + varint(0) + b"\0", b"", "too many"),
        (varint(0) + varint(0), bytes(4), "without Gaussians"),
        (fields(0, 3, 4, 1, 4, 4), bytes(40), "codebooks of"),
        (fields(0, 3, 1, 0, 4, 4), bytes(40), "codebooks of"),
        (fields(0, 1 << 17, 1, 1, 4, 4), bytes(40), "codebooks of"),
        (fields(0, 3, 1, 1, 0, 4), bytes(40), "1 to 16"),
        (fields(0, 3, 1, 1, 4, 17), bytes(40), "1 to 16"),
        (fields(0, 60000, 1, 1, 10, 4), bytes(400), "in a payload of 400 bytes"),
        (fields(0, 60000, 60000, 60000, 1, 16), bytes(40000), "in a payload of"),
        (fields(0, 3, 1, 1, 4, 4)[:-4] + b"\1\0\0\0", bytes(40), "lower bound"),
        (fields(0, 3, 1, 1, 4, 4)[:-1], bytes(40), "bounds"),
        (fields(0, 3, 1, 1, 4, 4) + b"\0", bytes(40), "too many"),
        (fields(0, 3, 1, 1, 4, 4), bytes(41), "whole words"),
    ],
)
def test_bad_parameters(parameters: bytes, payload: bytes, cause: str) -> None:
    with pytest.raises(CorruptFile, match=cause):
        gsic.decode(file_with(parameters, payload))


def test_counts_that_do_not_fit() -> None:
    for numbers in ([9], [0, 9], [0, 0, 5]):
        writer = RangeWriter()
        rows = len(numbers) + 1
        writer.write_raw(np.zeros(3 * rows, np.int64), 4)
        writer.write_exp_golomb(np.array(numbers))
        writer.write_raw(np.zeros(60, np.int64), 4)
        with pytest.raises(CorruptFile, match="used more often than"):
            gsic.decode(file_with(fields(0, 7, rows, 1, 4, 4), writer.finish()))


def test_rows_used_more_often_than_said() -> None:
    writer = RangeWriter()
    writer.write_raw(np.zeros(6, np.int64), 4)
    writer.write_exp_golomb(np.array([1]))  # the last row twice, so the first one five times
    table = build_model_from_counts(np.array([5, 2]))
    writer.write_symbols(np.zeros(7, np.int64), table)
    with pytest.raises(CorruptFile, match="as often as it says"):
        gsic.decode(file_with(fields(0, 7, 2, 1, 4, 4), writer.finish()))


def test_another_payload_of_the_same_symbols() -> None:
    parameters, payload = bitstream.write(random_scene(GRID, 1, 20, (3, 4), seed=1))
    assert not refused(file_with(parameters, payload))
    for changed in (payload + bytes(4), payload[:-4] + bytes([payload[-4] ^ 1]) + payload[-3:]):
        assert refused(file_with(parameters, changed))


def test_area_and_counts_are_bounded() -> None:
    scene = random_scene(GRID, 1, 40000, (3, 3), seed=2)
    wide = QuantisedImage(
        GRID, scene.position_quantiser, scene.position, scene.shapes, scene.colors
    )
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(LimitError, match="40000 Gaussians cover"):
        gsic.decode(file_with(*bitstream.write(wide)))
    assert time.perf_counter() - began < 5.0
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
