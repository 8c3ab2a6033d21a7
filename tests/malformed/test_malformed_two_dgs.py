"""Files of profile `2dgs` that no encoder can have made are refused."""

import time
import tracemalloc

import numpy as np
import pytest
from damaged_files import is_refused
from hypothesis import given
from hypothesis import strategies as st
from two_dgs_scenes import random_scene

import gsic
from gsic import container
from gsic.coding.range_coder import RangeWriter, build_model_from_counts
from gsic.container import Container, Mode, encode_varint
from gsic.errors import CorruptFile, LimitError
from gsic.profiles.two_dgs import bitstream
from gsic.profiles.two_dgs.symbols import Grid, QuantisedImage

GRID = Grid(40, 30, 1, False)


def make_file(parameters: bytes, payload: bytes, mode: Mode = Mode.L) -> bytes:
    return container.write(Container(3, 40, 30, mode, parameters, payload))


@given(
    parameters=st.binary(max_size=48), payload=st.binary(max_size=200), mode=st.sampled_from(Mode)
)
def test_noise_for_parameters_and_payload(parameters: bytes, payload: bytes, mode: Mode) -> None:
    is_refused(make_file(parameters, payload, mode))


@given(payload=st.binary(max_size=100).map(lambda data: data + bytes(-len(data) % 4)))
def test_noise_for_a_payload(payload: bytes) -> None:
    parameters = make_parameters(0, 12, 3, 4, 4, 4)
    is_refused(make_file(parameters, payload))


def make_parameters(flags: int, count: int, shapes: int, colors: int, *bits: int) -> bytes:
    """Parameters of a grey file, with bounds from 0 to 1."""
    head = (
        encode_varint(flags)
        + encode_varint(count)
        + encode_varint(shapes)
        + encode_varint(colors)
        + bytes(bits)
    )
    return head + 7 * b"\0\0\xff\xff"


@pytest.mark.parametrize(
    ("parameters", "payload", "cause"),
    [
        (make_parameters(4, 3, 1, 1, 4, 4), bytes(40), "flags 4"),
        (encode_varint(0) + encode_varint(0) + b"\0", b"", "too many"),
        (encode_varint(0) + encode_varint(0), bytes(4), "without Gaussians"),
        (make_parameters(0, 3, 4, 1, 4, 4), bytes(40), "codebooks of"),
        (make_parameters(0, 3, 1, 0, 4, 4), bytes(40), "codebooks of"),
        (make_parameters(0, 1 << 17, 1, 1, 4, 4), bytes(40), "codebooks of"),
        (make_parameters(0, 3, 1, 1, 0, 4), bytes(40), "1 to 16"),
        (make_parameters(0, 3, 1, 1, 4, 17), bytes(40), "1 to 16"),
        (make_parameters(0, 60000, 1, 1, 10, 4), bytes(400), "in a payload of 400 bytes"),
        (make_parameters(0, 60000, 60000, 60000, 1, 16), bytes(40000), "in a payload of"),
        (make_parameters(0, 3, 1, 1, 4, 4)[:-4] + b"\1\0\0\0", bytes(40), "lower bound"),
        (make_parameters(0, 3, 1, 1, 4, 4)[:-1], bytes(40), "bounds"),
        (make_parameters(0, 3, 1, 1, 4, 4) + b"\0", bytes(40), "too many"),
        (make_parameters(0, 3, 1, 1, 4, 4), bytes(41), "whole words"),
    ],
)
def test_bad_parameters(parameters: bytes, payload: bytes, cause: str) -> None:
    with pytest.raises(CorruptFile, match=cause):
        gsic.decode(make_file(parameters, payload))


def test_counts_that_do_not_fit() -> None:
    for numbers in ([9], [0, 9], [0, 0, 5]):
        writer = RangeWriter()
        rows = len(numbers) + 1
        writer.write_raw(np.zeros(3 * rows, np.int64), 4)
        writer.write_exp_golomb(np.array(numbers))
        writer.write_raw(np.zeros(60, np.int64), 4)
        with pytest.raises(CorruptFile, match="used more often than"):
            gsic.decode(make_file(make_parameters(0, 7, rows, 1, 4, 4), writer.finish()))


def test_rows_used_more_often_than_said() -> None:
    writer = RangeWriter()
    writer.write_raw(np.zeros(6, np.int64), 4)
    writer.write_exp_golomb(np.array([1]))  # the last row twice, so the first one five times
    table = build_model_from_counts(np.array([5, 2]))
    writer.write_symbols(np.zeros(7, np.int64), table)
    with pytest.raises(CorruptFile, match="as often as it says"):
        gsic.decode(make_file(make_parameters(0, 7, 2, 1, 4, 4), writer.finish()))


def test_another_payload_of_the_same_symbols() -> None:
    parameters, payload = bitstream.write(random_scene(GRID, 1, 20, (3, 4), seed=1))
    assert not is_refused(make_file(parameters, payload))
    for changed in (payload + bytes(4), payload[:-4] + bytes([payload[-4] ^ 1]) + payload[-3:]):
        assert is_refused(make_file(parameters, changed))


def test_area_and_counts_are_bounded() -> None:
    scene = random_scene(GRID, 1, 40000, (3, 3), seed=2)
    wide = QuantisedImage(
        GRID, scene.position_quantiser, scene.position, scene.shapes, scene.colors
    )
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(LimitError, match="40000 Gaussians cover"):
        gsic.decode(make_file(*bitstream.write(wide)))
    assert time.process_time() - began < 5.0
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
