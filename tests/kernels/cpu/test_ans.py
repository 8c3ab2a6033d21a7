"""The kernel that reads payloads: equal to the independent decoder, for any bytes."""

import numpy as np
import pytest
from format_decoder import read_container
from format_gsic import read_symbols
from gsic_scenes import file_of, random_scene
from hypothesis import given
from hypothesis import strategies as st
from kernel_images import read

from gsic.coding import ans
from gsic.container import Mode
from gsic.errors import CorruptFile


@pytest.mark.parametrize("count", [1, 15, 16, 40, 511, 512, 2047, 2048, 3000])
@pytest.mark.parametrize("mode", [Mode.L, Mode.RGBA])
def test_rows_are_those_of_the_independent_decoder(count: int, mode: Mode) -> None:
    header, symbols = random_scene(300, 200, mode.channels, count, seed=count)
    fields = read_container(file_of(header, symbols, mode))
    _, _, expected = read_symbols(fields, 300, 200, mode.channels)
    seen = symbols.drop_invisible().position_class
    classes = np.array(np.unique(seen, return_counts=True)).T.copy()
    rows = ans.read_image(bytes(fields["payload"]), classes, (316, 216), mode.channels)
    means = rows[2:4].T / 256 - 8
    assert [*map(tuple, means.tolist())] == [gaussian[:2] for gaussian in expected]
    assert np.delete(rows, (0, 2, 3), axis=0).T.tolist() == [
        [*gaussian[2:-1], *gaussian[-1]] for gaussian in expected
    ]


@given(
    payload=st.binary(max_size=400),
    counts=st.lists(st.sampled_from([1, 5, 17, 600, 2500]), min_size=1, max_size=16),
    channels=st.integers(1, 4),
)
def test_any_bytes_are_refused(payload: bytes, counts: list[int], channels: int) -> None:
    with pytest.raises(CorruptFile, match="payload: "):
        read(b"\1" + payload, counts, range(-8, len(counts) - 8), channels)
