"""The range coder: round trips, lengths, and the numbers of FORMAT.md section 9.2."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsic.coding.models import TOTAL
from gsic.coding.range_coder import RangeReader, RangeWriter, build_model_from_counts
from gsic.errors import CorruptFile


def written(seed: int, count: int = 500) -> tuple[bytes, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    index = np.sort(rng.geometric(0.1, count))
    index = rng.permutation(np.unique(index, return_inverse=True)[1])
    counts = np.bincount(index)
    writer = RangeWriter()
    writer.write_exp_golomb(counts)
    writer.write_symbols(index, build_model_from_counts(counts))
    writer.write_raw(index, 9)
    return writer.finish(), counts, index


def test_round_trip() -> None:
    payload, counts, index = written(1)
    reader = RangeReader(payload)
    assert np.array_equal(reader.read_exp_golomb(len(counts)), counts)
    assert np.array_equal(reader.read_symbols(build_model_from_counts(counts), len(index)), index)
    assert np.array_equal(reader.read_raw(9, len(index)), index)
    reader.finish()


def test_payloads_are_pinned() -> None:
    writer = RangeWriter()
    writer.write_symbols(np.array([0, 2, 1, 0, 0]), build_model_from_counts(np.array([3, 1, 1])))
    writer.write_raw(np.array([1023, 0, 512]), 10)
    assert writer.finish().hex() == GOLDEN
    assert RangeWriter().finish() == b""


GOLDEN = "5a8d858fe966fd82"


def test_the_length_is_the_entropy() -> None:
    counts = np.array([700, 200, 60, 30, 9, 1])
    index = np.random.default_rng(3).permutation(np.repeat(np.arange(6), counts))
    writer = RangeWriter()
    writer.write_symbols(index, build_model_from_counts(counts))
    entropy = -(counts * np.log2(counts / counts.sum())).sum()
    assert 0 <= 8 * len(writer.finish()) - entropy <= 64


def test_decoding_in_a_fresh_process() -> None:
    payload, counts, index = written(5)
    code = (
        "import sys, numpy as np; from gsic.coding.range_coder import *; "
        "reader = RangeReader(sys.stdin.buffer.read()); "
        f"counts = reader.read_exp_golomb({len(counts)}); "
        f"index = reader.read_symbols(build_model_from_counts(counts), {len(index)}); "
        f"reader.read_raw(9, {len(index)}); reader.finish(); print(index.tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], input=payload, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == str(index.tolist())


@given(counts=st.lists(st.integers(1, 2000), min_size=2, max_size=300))
def test_models_follow_counts(counts: list[int]) -> None:
    table = build_model_from_counts(np.array(counts, np.int64))
    assert table.frequencies.sum() == TOTAL
    ideal = np.array(counts) * (TOTAL / sum(counts))
    assert np.abs(table.frequencies[1:] - ideal[1:]).max(initial=0) <= 1 + len(counts)


@given(values=st.lists(st.integers(0, 2**16 - 2), max_size=40))
def test_exp_golomb_numbers(values: list[int]) -> None:
    writer = RangeWriter()
    writer.write_exp_golomb(np.array(values, np.int64))
    reader = RangeReader(writer.finish())
    assert reader.read_exp_golomb(len(values)).tolist() == values
    reader.finish()


def test_values_outside_the_alphabet_are_refused() -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        RangeWriter().write_symbols(np.array([2]), build_model_from_counts(np.array([1, 1])))
    with pytest.raises(ValueError, match=r"outside 0\.\.7"):
        RangeWriter().write_raw(np.array([-1]), 3)


def test_bytes_that_no_writer_makes_are_corrupt() -> None:
    payload, counts, index = written(2)
    with pytest.raises(CorruptFile, match="whole words"):
        RangeReader(payload[:-1])
    reader = RangeReader(payload)
    with pytest.raises(CorruptFile, match="more than its bytes can hold"):
        reader.read_raw(16, len(payload))
    for changed in (payload + bytes(4), payload[:-4], payload[:-4] + bytes(4)):
        with pytest.raises(CorruptFile):  # noqa: PT012
            reader = RangeReader(changed)
            reader.read_symbols(
                build_model_from_counts(reader.read_exp_golomb(len(counts))), len(index)
            )
            reader.read_raw(9, len(index))
            reader.finish()
    writer = RangeWriter()
    writer.write_raw(np.ones(40, np.int64), 1)
    with pytest.raises(CorruptFile, match="more than 16 bits"):
        RangeReader(writer.finish()).read_exp_golomb(1)
