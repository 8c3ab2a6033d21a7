"""Photoshop documents that are refused by name."""

import pytest

from gsic import images
from gsic.errors import InputError


@pytest.mark.parametrize(
    ("depth", "mode", "said"),
    [(16, 3, "16 bits (RGB)"), (32, 1, "32 bits (grey)"), (8, 8, "duotone"), (8, 99, "mode 99")],
)
def test_depths_and_modes_that_are_not_read(depth: int, mode: int, said: str) -> None:
    data = b"8BPS\0\1" + bytes(16) + depth.to_bytes(2, "big") + mode.to_bytes(2, "big")
    with pytest.raises(InputError) as caught:
        images.load(data)
    assert said in str(caught.value)
