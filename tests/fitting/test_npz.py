"""Files of fits that are damaged, forged or of something else: refused in one line, and soon."""

import io
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fit_samples import arrays_of, fit_of, load, loaded_or_refused, packed, refuse, same, saved
from hypothesis import given
from hypothesis import strategies as st

from gsic.errors import InputError
from gsic.fitting.result import Fit


def test_missing_files_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.npz", tmp_path):
        with pytest.raises(InputError) as caught:
            Fit.load(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).count(str(path)) == 1
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"not a zip file")
    with pytest.raises(InputError) as caught:
        Fit.load(bad)
    assert str(caught.value).startswith(f"{bad}: not an .npz file")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P",
        b"not a zip file",
        b"PK\x03\x04" + bytes(500),
        b"PK\x05\x06" + b"\xff" * 18,
        b"PK\x06\x06" + b"\xff" * 52 + b"PK\x06\x07" + b"\x00" * 16 + b"PK\x05\x06" + b"\xff" * 18,
        b"\x93NUMPY\x01\x00v\x00",
        bytes(100_000),
        pickle.dumps({"version": 1}),
    ],
)
def test_files_that_are_no_npz_are_refused(data: bytes) -> None:
    refuse(data, "not an .npz file")


def test_an_empty_npz_is_no_fit() -> None:
    refuse(packed({}), "not a fit: version")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.99, 0.9999])
def test_truncated_files_are_refused(share: float) -> None:
    data = saved(fit_of(50))
    refuse(data[: round(share * len(data))], "not an .npz file")


def test_every_truncation_is_refused() -> None:
    data = saved(fit_of(1, 1, history=[]))
    for length in range(0, len(data), 7):
        refuse(data[:length])


def test_damaged_bytes_are_refused_or_do_not_matter() -> None:
    """Any byte: what matters is under a checksum; the rest are times and the like."""
    fit = fit_of(1, 1, history=[])
    data = saved(fit)
    refused = 0
    for index in range(len(data)):
        for flip in (1 << index % 8, 0xFF):
            damaged = bytearray(data)
            damaged[index] ^= flip
            loaded = loaded_or_refused(bytes(damaged))
            assert loaded is None or same(loaded, fit)
            refused += loaded is None
    assert refused > 1.2 * len(data)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), st.data())
def test_files_with_several_changes(changes: list[tuple[int, int]], data: Any) -> None:
    content = bytearray(saved(fit_of(2, 1, history=[])))
    for place, value in changes:
        content[place % len(content)] = value
    cut = data.draw(st.integers(0, len(content)))
    moved = content[cut:] + content[:cut] if data.draw(st.booleans()) else content
    loaded_or_refused(bytes(moved))


@given(st.binary(max_size=300))
def test_members_of_any_bytes(content: bytes) -> None:
    arrays = arrays_of(fit_of(2))
    refuse(zipped(npy_members(arrays) | {"mean.npy": content}), "'mean.npy'")


@pytest.mark.parametrize("name", sorted(arrays_of(fit_of())))
def test_missing_arrays_are_named(name: str) -> None:
    arrays = arrays_of(fit_of())
    del arrays[name]
    refuse(packed(arrays), name)


def test_unknown_arrays_are_named() -> None:
    refuse(packed(arrays_of(fit_of()) | {"depth": np.zeros(6)}), "'depth'")
    for count in (50, 100):
        many = {f"{'x' * 30}{n}": np.zeros(1) for n in range(count)}
        refuse(packed(arrays_of(fit_of()) | many))
    refuse(packed(arrays_of(fit_of()) | {"x" * 10_000: np.zeros(1)}), "name")


@pytest.mark.parametrize("version", [0, 2, -1, 2**62])
def test_other_versions_are_refused(version: int) -> None:
    arrays = arrays_of(fit_of()) | {"version": np.int64(version), "new": np.zeros(1)}
    refuse(packed(arrays), f"version {version}; this gsic knows version 1")


@pytest.mark.parametrize(
    "version", [np.float64(1), np.array([1]), np.str_("1"), np.int32(1), np.uint8(1)]
)
def test_versions_of_another_type_are_refused(version: Any) -> None:
    refuse(packed(arrays_of(fit_of()) | {"version": version}), "version")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("covariance", np.array(["log"])),
        ("covariance", np.int64(1)),
        ("covariance", np.str_("log\n" * 1000)),
        ("covariance", np.frombuffer(b"\xff\xff\xff\x7f", "<U1")[0:1]),
        ("report", np.zeros(3)),
        ("size", np.array([48.0, 32.0])),
        ("size", np.array([48, 32, 3])),
        ("size", np.array([48])),
        ("history_step", np.array([1.0, 2.0, 3.0])),
        ("history_step", np.array([1])),
        ("history_step", np.array([[0, 50, 100]])),
        ("history_psnr", np.array([1, 2, 3])),
        ("mean", np.zeros((6, 2), ">f8")),
        ("mean", np.zeros((6, 2), "<i8")),
        ("mean", np.zeros((2,) * 9)),
        ("mean", np.zeros(6, "f8,f8")),
        ("mean", np.zeros((6, 2), "datetime64[s]")),
        ("mean", np.zeros((6, 2), "V8")),
        ("mean", np.zeros((6, 2), "S8")),
        ("mean", np.zeros((6, 2), bool)),
    ],
)
def test_arrays_of_another_type_are_refused(name: str, value: Any) -> None:
    refuse(packed(arrays_of(fit_of()) | {name: value}), name)


class Bomb:
    """What a pickle must never get to run."""

    exploded = False

    @classmethod
    def explode(cls) -> None:
        cls.exploded = True

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return Bomb.explode, ()


@pytest.mark.parametrize("name", sorted(arrays_of(fit_of())))
def test_pickled_objects_are_refused_unseen(name: str) -> None:
    value = np.array([Bomb()], object)
    refuse(packed(arrays_of(fit_of()) | {name: value}), name)
    members = npy_members(arrays_of(fit_of()))
    refuse(zipped(members | {f"{name}.npy": pickle.dumps(Bomb())}), name)
    assert not Bomb.exploded
    pickle.loads(pickle.dumps(Bomb()))
    assert Bomb.exploded
    Bomb.exploded = False


def npy_members(arrays: dict[str, Any]) -> dict[str, bytes]:
    """The .npy files of arrays, by their names in the zip."""
    members = {}
    for name, value in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, value)
        members[f"{name}.npy"] = buffer.getvalue()
    return members


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(descr: str, shape: str, payload: bytes = b"", tail: str = "\n") -> bytes:
    """A .npy file with a header of one's choice."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}{tail}"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + payload


@pytest.mark.parametrize(
    "content",
    [
        npy("'<f8'", "(1000000000000, 2)", bytes(96)),
        npy("'<f8'", "(999999999999999, 999999999999999, 999999999999999)", bytes(96)),
        npy("'<f8'", "(0, 999999999999999)"),
        npy("'<f8'", "(6, -2)", bytes(96)),
        npy("'<f8'", "(6, 2, 0)"),
        npy("'<f8'", "(,)"),
        npy("'<f8'", "(6, 2)", bytes(95)),
        npy("'<f8'", "(6, 2)", bytes(97)),
        npy("'<f8'", f"({'1, ' * 60}12)", bytes(96)),
        npy("'<f8'", f"({'1' * 5000},)", bytes(96)),
        npy("'<f7'", "(6, 2)", bytes(84)),
        npy("'<U999999999'", "(6, 2)", bytes(96)),
        npy("'|O'", "(6, 2)", bytes(96)),
        npy("'<f8'", "(6, 2)", bytes(96), tail=""),
        npy("'<f8'", "(6, 2) if 1 else 2", bytes(96)),
        npy("'<f8'", "(" * 5000 + "6" + ")" * 5000, bytes(96)),
        npy("[('a', '<f8')]", "(6, 2)", bytes(96)),
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
        b"\x93NUMPY",
        b"",
    ],
)
def test_headers_that_lie_are_refused(content: bytes) -> None:
    refuse(zipped(npy_members(arrays_of(fit_of())) | {"mean.npy": content}), "mean")


def test_zip_bombs_are_refused_before_they_unfold() -> None:
    members = npy_members(arrays_of(fit_of()))
    bomb = npy("'<f8'", "(1250000, 2)", bytes(20_000_000))
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        data = zipped(members | {"mean.npy": bomb}, method)
        assert len(data) < 100_000
        tracemalloc.start()
        refuse(data, "is compressed")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20 * len(data) + 1_000_000


def test_members_that_share_bytes_are_refused() -> None:
    """Many names for one large member: small in the file, large in memory."""
    content = npy("'<f8'", "(125000,)", bytes(1_000_000))
    data = bytearray(zipped({"a.npy": content}))
    end = data.rindex(b"PK\x05\x06")
    start = data.index(b"PK\x01\x02")
    entry, tail = bytes(data[start:end]), bytearray(data[end:])
    entries = b"".join(entry.replace(b"a.npy", b"%c.npy" % (97 + n)) for n in range(20))
    struct.pack_into("<HHII", tail, 8, 20, 20, len(entries), start)
    tracemalloc.start()
    refuse(bytes(data[:start]) + entries + bytes(tail), "together larger than the file")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


def test_members_with_one_name_are_refused() -> None:
    buffer = io.BytesIO(saved(fit_of()))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("mean.npy", b"")
    refuse(buffer.getvalue(), "members")


def test_large_fits_load_in_memory_of_their_size() -> None:
    data = saved(fit_of(100_000))
    tracemalloc.start()
    assert len(load(data).mean) == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(data) < peak < 6 * len(data)
