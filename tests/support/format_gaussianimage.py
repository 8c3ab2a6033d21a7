"""Profile 2 of the independent decoder, written from section 8 of FORMAT.md: bytes to planes."""

import struct
from bisect import bisect_left
from itertools import accumulate
from math import lgamma, log

import numpy as np
from format_decoder import Payload, Table, read_varint, take
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def draw_planes(fields: dict[str, int | bytes], width: int, height: int, channels: int) -> Float64:
    """Draw the planes of a file, not clamped, float64 (H, W, C)."""
    body = iter(bytes(fields["parameters"]))
    payload = bytes(fields["payload"])
    count, (kind, b) = read_varint(body), take(body, 2)
    rs, uniform, histograms, bits_back = (bool(kind >> i & 1) for i in range(4))
    if uniform:
        (k,) = take(body, 1)
        stages, size = channels, 2**k
    else:
        stages, size = take(body, 2)
        size += 1
        k = (size - 1).bit_length()
    assert kind < 16
    assert count > 0
    steps, origins = read_floats(body, 3), read_floats(body, 3)
    color = read_floats(body, 2 * channels if uniform else stages * size * channels)
    plain = read_varint(body) if bits_back else 0
    tables: list[Table] = [make_uniform(2**b), make_uniform(size if histograms else 2**k)]
    if histograms:
        tables = [read_histogram(body, 2**b, 3 * count), read_histogram(body, size, stages * count)]
    assert not list(body)
    saved = lgamma(count + 1) / log(2) if bits_back else 0
    assert 32 * count - saved <= 8 * len(payload) + 64
    rows = read_rows(
        payload, count, [b, k], stages, tables, histograms, plain if bits_back else None
    )
    out = np.zeros((height, width, channels))
    for x, y, *symbols in rows:
        assert max(symbols[3:]) < size
        s = [symbol * steps[i] + origins[i] for i, symbol in enumerate(symbols[:3])]
        if uniform:
            pairs = zip(symbols[3:], color[:channels], color[channels:], strict=True)
            c = np.array([symbol * step + origin for symbol, step, origin in pairs])
        else:
            books = np.array(color).reshape(stages, size, channels)
            c = sum(books[j, symbol] for j, symbol in enumerate(symbols[3:]))
        mean = (np.tanh([convert_half(x), convert_half(y)]) + 1) * [width / 2, height / 2] + 0.5
        draw(out, mean, compute_root(rs, s), c)
    return out


def read_rows(
    payload: bytes,
    count: int,
    bits: list[int],
    stages: int,
    tables: list[Table],
    histograms: bool,
    plain: int | None,
) -> list[tuple[int, ...]]:
    """Read all numbers of each Gaussian (section 8.2)."""
    b, k = bits
    if plain is None and not histograms:
        stream = Bits(payload)
        positions = [stream.take(16) for _ in range(2 * count)]
        shapes = [stream.take(b) for _ in range(3 * count)]
        colors = [stream.take(k) for _ in range(stages * count)]
        assert len(payload) == -(-count * (32 + 3 * b + stages * k) // 8)
        assert stream.left == 0
        return [
            (
                *positions[2 * i : 2 * i + 2],
                *shapes[3 * i : 3 * i + 3],
                *colors[stages * i : stages * (i + 1)],
            )
            for i in range(count)
        ]
    coder = Payload(payload)
    shape, color = tables
    if plain is None:
        half = make_uniform(2**16)
        columns = [[coder.read_symbol(half) for _ in range(count)] for _ in range(2)]
        columns += [[coder.read_symbol(shape) for _ in range(count)] for _ in range(3)]
        columns += [[coder.read_symbol(color) for _ in range(count)] for _ in range(stages)]
        coder.finish()
        return list(zip(*columns, strict=True))
    rows: list[tuple[int, ...]] = []
    for n in range(1, count + 1):
        kinds = [make_uniform(2**16)] * 2 + [shape] * 3 + [color] * stages
        row = tuple(coder.read_symbol(table) for table in kinds)
        rank = bisect_left(rows, row)
        rows.insert(rank, row)
        if 1 < n <= count - plain:
            push_symbol(coder, rank, make_uniform(n))
    coder.finish()
    return rows


def push_symbol(coder: Payload, symbol: int, table: Table) -> None:
    """Encode a symbol (section 3)."""
    _, starts, _ = table
    frequency = starts[symbol + 1] - starts[symbol]
    (state,) = coder.states
    if state >= frequency << 40:
        coder.words.append(state % 2**32)
        state >>= 32
    quotient, rest = divmod(state, frequency)
    coder.states = [(quotient << 24) + rest + starts[symbol]]


def make_uniform(size: int) -> Table:
    """Make the table of a rank (section 8.2), of equal frequencies."""
    return 0, [*range(0, 2**24 // size * size, 2**24 // size), 2**24], -1


def read_histogram(body: object, size: int, total: int) -> Table:
    """Read a histogram, and make its table (sections 8.1 and 8.2)."""
    (width,) = take(body, 1)
    stream = Bits(take(body, -(-size * width // 8)))
    counts = [stream.take(width) for _ in range(size)]
    assert 1 <= width <= 26
    assert stream.left == 0
    assert sum(counts) == total
    table = [1 + count * (2**24 - size) // total for count in counts]
    table[counts.index(max(counts))] += 2**24 - sum(table)
    return 0, list(accumulate(table, initial=0)), -1


class Bits:
    """A reader of packed numbers (section 8.2)."""

    def __init__(self, data: bytes) -> None:
        self.left = int.from_bytes(data, "little")

    def take(self, bits: int) -> int:
        value = self.left % 2**bits
        self.left >>= bits
        return value


def read_floats(body: object, count: int) -> list[float]:
    """Read numbers of 32 bits (section 8.1)."""
    values = struct.unpack(f"<{count}f", take(body, 4 * count))
    assert all(abs(value) <= 2**32 for value in values)
    return list(values)


def convert_half(bits: int) -> float:
    """Convert the bits of a number of 16 bits (section 8.3)."""
    (value,) = struct.unpack("<e", struct.pack("<H", bits))
    assert np.isfinite(value)
    return value


def compute_root(rs: bool, s: list[float]) -> Float64:
    """Compute the matrix of a shape whose product with its transpose is the covariance (8.3)."""
    if rs:
        a, b, t = s[0] + 0.5, s[1] + 0.5, s[2]
        turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
        return turn @ np.diag([a, b])
    return np.array([[s[0] + 0.5, 0.0], [s[1], s[2] + 0.5]])


def draw(out: Float64, mean: Float64, root: Float64, color: Float64) -> None:
    """Add one Gaussian (sections 7.4 and 8.3)."""
    deviations = np.linalg.svd(root, compute_uv=False)
    if deviations.min() < 1e-3 or deviations.max() > 1e9:
        return
    # The inverse of the covariance itself would have no digits left if the Gaussian is very thin.
    (a, b), (c, d) = np.linalg.inv(root)
    height, width, _ = out.shape
    dx = np.arange(width) + 0.5 - mean[0]
    dy = (np.arange(height) + 0.5 - mean[1])[:, None]
    q = ((a * dx + b * dy) ** 2 + (c * dx + d * dy) ** 2) / 2
    out += np.where(q <= np.log(255), np.exp(-q), 0.0)[..., None] * color
