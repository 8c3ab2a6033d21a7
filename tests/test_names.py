"""Names as printable text: always one line, and as keys different for different names."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsic.names import make_key, make_printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        *(("photo.png", "photo.png"), ("two  spaces.png", "two  spaces.png"), (" a ", " a ")),
        *(("日本 é.png", "日本 é.png"), ("a\nb\tc", "a\\nb\\tc"), ("\x1b[31m", "\\x1b[31m")),
        *((os.fsdecode(b"caf\xe9.png"), "caf\\xe9.png"), ("a\u00a0b", "a\\u00a0b")),
        *(("\U000e0001", "\\U000e0001"), ("\ud800", "\\ud800"), ("", "")),
    ],
)
def test_what_cannot_be_printed_is_escaped(name: str, shown: str) -> None:
    assert make_printable(name) == shown
    assert shown.isprintable()


def test_a_key_tells_an_escape_from_the_name_that_looks_like_it() -> None:
    assert make_key(os.fsdecode(b"caf\xe9.png")) == "caf\\xe9.png"
    assert make_key("caf\\xe9.png") == "caf\\\\xe9.png"


@given(st.binary(min_size=1, max_size=6), st.binary(min_size=1, max_size=6))
def test_keys_differ_where_names_differ(first: bytes, second: bytes) -> None:
    keys = [make_key(os.fsdecode(name)) for name in (first, second)]
    assert (keys[0] == keys[1]) == (first == second)
    assert all(key.isprintable() and key.encode() for key in keys)
