"""Profile 3 of the independent decoder, written from section 9 of FORMAT.md: bytes to planes.

It computes with integers of any size and in float64, with a loop over the Gaussians.
"""

from bisect import bisect_right
from itertools import accumulate

import numpy as np
from format_decoder import read_varint, take
from numpy.typing import NDArray

Starts = list[int]


class Payload:
    """A reader of a payload, which also encodes again what it has read (section 9.2)."""

    def __init__(self, payload: bytes) -> None:
        assert len(payload) % 4 == 0
        self.words = [
            int.from_bytes(payload[i : i + 4], "little") for i in range(0, len(payload), 4)
        ]
        self.unread = list(self.words)
        self.point = self.read_word() << 32 | self.read_word()
        self.lower, self.range = 0, 2**64 - 1
        self.exact, self.shifts = 0, 0

    def read_word(self) -> int:
        """Read the next word, 0 after the last one."""
        return self.unread.pop(0) if self.unread else 0

    def read_symbol(self, starts: Starts) -> int:
        """Decode a symbol."""
        scale = self.range >> 24
        slot = (self.point - self.lower) % 2**64 // scale
        assert slot < 2**24
        index = bisect_right(starts, slot) - 1
        self.exact += scale * starts[index]
        self.lower = (self.lower + scale * starts[index]) % 2**64
        self.range = scale * (starts[index + 1] - starts[index])
        if self.range < 2**32:
            self.lower = (self.lower << 32) % 2**64
            self.exact <<= 32
            self.shifts += 1
            self.range <<= 32
            self.point = self.point % 2**32 << 32 | self.read_word()
        return index

    def read_raw(self, bits: int, count: int) -> list[int]:
        """Read raw fields."""
        starts = list(range(0, 2**24 + 1, 2 ** (24 - bits)))
        return [self.read_symbol(starts) for _ in range(count)]

    def read_exp_golomb(self) -> int:
        """Read an Exp-Golomb number."""
        exponent = 0
        while self.read_raw(1, 1) == [1]:
            exponent += 1
        assert exponent <= 15
        return 2**exponent - 1 + (self.read_raw(exponent, 1)[0] if exponent else 0)

    def finish(self) -> None:
        """Check that the payload is the one that the encoder makes of its symbols."""
        end = (self.exact + 2**32 - 1) >> 32
        words = [end >> 32 * i & 0xFFFFFFFF for i in range(self.shifts, -1, -1)]
        if (self.exact + self.range) >> 32 == end:
            words.append(0)
        assert words == self.words

    def read_codebook(
        self, rows: int, columns: int, bits: int, gaussians: int
    ) -> tuple[list, list[int]]:
        """Read the levels of each row, and the row of each Gaussian (section 9.3)."""
        levels = [self.read_raw(bits, rows) for _ in range(columns)]
        counts: list[int] = []
        for _ in range(rows - 1):
            counts.insert(0, (counts[0] if counts else 1) + self.read_exp_golomb())
        counts.insert(0, gaussians - sum(counts))
        assert counts[0] >= max([1, *counts[1:2]])
        index = [0] * gaussians
        if rows > 1:
            table = [1 + count * (2**24 - rows) // gaussians for count in counts]
            table[0] += 2**24 - sum(table)
            starts = list(accumulate(table, initial=0))
            index = [self.read_symbol(starts) for _ in range(gaussians)]
        assert [index.count(row) for row in range(rows)] == counts
        return list(zip(*levels, strict=True)), index


def draw_planes(
    fields: dict[str, int | bytes], width: int, height: int, channels: int
) -> NDArray[np.float64]:
    """Draw the planes of a file, float64 (H, W, C)."""
    body = iter(bytes(fields["parameters"]))
    flags, count = read_varint(body), read_varint(body)
    assert flags <= 3
    image = np.zeros((height, width, channels))
    if count == 0:
        assert fields["payload"] == b""
        assert not list(body)
        return image
    rows = read_varint(body), read_varint(body)
    assert count <= 65536
    assert all(1 <= k <= count for k in rows)
    position_bits, book_bits = take(body, 2)
    assert 1 <= min(position_bits, book_bits) <= max(position_bits, book_bits) <= 16
    stored = bytes(body)
    assert len(stored) == 4 * (6 + channels)
    bounds = [int.from_bytes(stored[i : i + 2], "little") for i in range(0, len(stored), 2)]
    columns = list(zip(bounds[::2], bounds[1::2], strict=True))
    assert all(low <= high for low, high in columns)
    payload = Payload(bytes(fields["payload"]))
    shapes, shape_of = payload.read_codebook(rows[0], 3, book_bits, count)
    colors, color_of = payload.read_codebook(rows[1], channels + 1, book_bits, count)
    places = [payload.read_raw(position_bits, count) for _ in "xy"]
    payload.finish()
    transmittance = np.ones((height, width))
    for n in range(count):
        place = dequantise([places[0][n], places[1][n]], columns[:2], position_bits)
        shape = dequantise(shapes[shape_of[n]], columns[2:5], book_bits)
        color = dequantise(colors[color_of[n]], columns[5:], book_bits)
        blend(image, transmittance, flags, place, shape, color)
    return image


def dequantise(levels: list[int], bounds: list[tuple[int, int]], bits: int) -> list[float]:
    """Convert levels to values in 0..1 (section 9.4)."""
    most = 2**bits - 1
    return [
        (low * most + level * (high - low)) / (65535 * most)
        for level, (low, high) in zip(levels, bounds, strict=True)
    ]


def blend(
    image: NDArray[np.float64],
    transmittance: NDArray[np.float64],
    flags: int,
    place: list[float],
    shape: list[float],
    color: list[float],
) -> None:
    """Blend a Gaussian behind those before it (9.4, 9.5); finished pixels have transmittance -1."""
    height, width, _ = image.shape
    pitch = 2 if flags & 2 else 1
    sides = np.array([pitch * max(-(-side // pitch) - 1, 1) for side in (width, height)])
    x, y = sides * place + pitch / 2
    angle = np.pi * shape[2]
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    before, after = (1, sides) if flags & 1 else (sides, 1)
    axes = np.maximum(np.array(shape[:2]) * before, 1e-9)
    root = (rotation * axes) * np.reshape(after * np.ones(2), (2, 1))
    opacity = color[-1]
    if 255 * opacity < 1 or np.linalg.svd(root)[1].min() < 1e-3:
        return
    (p, q), (r, s) = np.linalg.inv(root)
    dx, dy = np.arange(width) + 0.5 - x, (np.arange(height) + 0.5 - y)[:, None]
    exponent = ((p * dx + q * dy) ** 2 + (r * dx + s * dy) ** 2) / 2
    alpha = np.minimum(opacity * np.exp(-exponent), 0.999)
    alpha[(exponent > min(np.log(255 * opacity), 16)) | (alpha < 1 / 255)] = 0
    left = transmittance * (1 - alpha)
    finished = (left < 1e-4) & (alpha > 0)
    transmittance[finished] = -1
    seen = (transmittance > 0) & (alpha > 0)
    image[seen] += (transmittance * alpha)[seen][:, None] * color[:-1]
    transmittance[seen] = left[seen]
