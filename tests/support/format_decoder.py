"""A second decoder of `.gsi` files, written from FORMAT.md alone: slow, plain, nothing of gsic.

The numbers in the comments are sections of FORMAT.md.
"""

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise
from math import isqrt

Table = tuple[int, Sequence[int], int]  # lowest symbol, starts and 2^24, magnitude of escapes


def read_container(data: bytes) -> dict[str, int | bytes]:
    """Read a container (section 2): profile, width, height, mode, parameters and payload."""
    assert data[:5] == b"\xf7G\r\n\x01"
    body = iter(data[5:])
    length = read_varint(body)
    content = bytes(body)
    assert len(content) == length
    assert zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little")
    body = iter(content[:-4])
    fields: dict[str, int | bytes] = {n: read_varint(body) for n in ("profile", "width", "height")}
    mode = read_varint(body)
    for _ in range(read_varint(body) if mode & 8 else 0):
        section = read_varint(body)
        assert section % 2 == 0 or section in (3, 5)
        take(body, read_varint(body))
    fields |= {
        "mode": mode % 8,
        "parameters": take(body, read_varint(body)),
        "payload": bytes(body),
    }
    return fields


def read_varint(data: Iterable[int]) -> int:
    """Read a varint (section 1)."""
    value = shift = 0
    for byte in data:
        value |= byte % 128 << shift
        shift += 7
        if byte < 128:
            break
    return value


def take(data: Iterable[int], count: int) -> bytes:
    """Take the next bytes; fewer if fewer are left."""
    return bytes(byte for _, byte in zip(range(count), data, strict=False))


class Payload:
    """The numbers of an ANS payload (sections 3 to 6)."""

    def __init__(self, payload: bytes, states: int = 1) -> None:
        assert payload[0] != 0
        padded = bytes(-len(payload) % 4) + payload
        # The next word is the last one of the list.
        self.words = [int.from_bytes(padded[i : i + 4]) for i in range(0, len(padded), 4)][::-1]
        self.states, self.turn = [self.words.pop()], 0
        self.refill()
        others = []
        for _ in range(states - 1):
            e = self.read_chunk(5)
            high = 2**e + (self.read_chunk(e) if e else 0)
            others.append(high << 32 | (self.words.pop() if self.words else 0))
        self.states += others
        self.turn = 0

    def refill(self) -> None:
        """Take a word if the state whose turn it is needs one (section 3)."""
        if self.states[self.turn] < 2**32 and self.words:
            self.states[self.turn] = self.states[self.turn] << 32 | self.words.pop()

    def end_turn(self, state: int) -> None:
        """Store the state whose turn it is, and take turns (section 3)."""
        self.states[self.turn] = state
        self.refill()
        self.turn = (self.turn + 1) % len(self.states)

    def read_symbol(self, table: Table) -> int:
        """Decode a symbol (section 3)."""
        lowest, starts, _ = table
        state = self.states[self.turn]
        slot = state % 2**24
        index = bisect_right(starts, slot) - 1
        frequency = starts[index + 1] - starts[index]
        self.end_turn((state >> 24) * frequency + slot - starts[index])
        return lowest + index

    def read_chunk(self, bits: int) -> int:
        """Decode a raw chunk (section 3)."""
        state = self.states[self.turn]
        self.end_turn(state >> bits)
        return state % 2**bits

    def finish(self) -> None:
        """Check the end of the payload (section 3)."""
        assert not self.words
        assert self.states == [2**24 if len(self.states) == 1 else 2**32] * len(self.states)

    def read_raw(self, bits: int, count: int) -> list[int]:
        """Read an array of raw fields (section 3)."""
        return self.read_fields([bits] * count)

    def read_fields(self, widths: Sequence[int]) -> list[int]:
        """Read raw fields of different widths that follow each other without gaps."""
        everything = 0
        for shift in range(0, sum(widths), 32):
            everything |= self.read_chunk(min(32, sum(widths) - shift)) << shift
        values = []
        for width in widths:
            values.append(everything % 2**width)
            everything >>= width
        return values

    def read_exp_golomb(self, count: int) -> list[int]:
        """Read an array of Exp-Golomb-like numbers (section 3)."""
        return [2**e - 1 + self.read_raw(e, 1)[0] for e in self.read_raw(5, count)]

    def read_escaped(self, sizes: Sequence[int], tables: Sequence[Table]) -> list[list[int]]:
        """Read an array of values with escapes (section 4)."""
        groups = [
            [self.read_symbol(table) for _ in range(size)]
            for size, table in zip(sizes, tables, strict=True)
        ]
        escapes = [
            (group, i)
            for group, table in zip(groups, tables, strict=True)
            for i in range(len(group))
            if abs(group[i]) == table[2]
        ]
        for (group, i), excess in zip(escapes, self.read_exp_golomb(len(escapes)), strict=True):
            group[i] += excess if group[i] > 0 else -excess
        return groups

    def read_paths(
        self, factors: Sequence[int], length: int, more: int, table: Table
    ) -> list[list[int]]:
        """Read numbers that are coded as steps (section 5, items 2 and 3)."""
        (steps,) = self.read_escaped([len(factors) * length], [table])
        paths: list[list[int]] = []
        for factor in factors:
            path = [steps.pop(0)] if length else []
            while len(path) < length:
                path.append(factor * path[-1] + more + steps.pop(0))
            paths.append(path)
        return paths

    def read_columns(
        self, count: int, contexts: Sequence[int], least: int = 1, doubling: bool = False
    ) -> list[list[int]]:
        """Read columns (section 5)."""
        groups = join_contexts(contexts, least)
        if not groups:
            return [[] for _ in range(count)]
        sizes = [len(group) for group in groups]
        heads = self.read_raw(6, count)
        modes = [head % 4 for head in heads]
        spreads = [self.read_symbol(make_histogram([15, 9, 7, 6])) for _ in range(count)]
        positives = [8 + self.read_symbol(make_table(10, (7, 0, 8), True)) for _ in range(count)]
        shapes = [(heads[i] >> 2, spreads[i], positives[i]) for i in range(count)]
        steps = self.read_paths(
            [1] * count, len(groups), 3 * doubling, make_table(11, (4, 0, 8), True)
        )
        scales = [[8 + scale for scale in column] for column in steps]
        moved = [i for i in range(count) if modes[i] != 0]
        centres = [[0] * len(groups) for _ in range(count)]
        factors = [2 if doubling and modes[i] == 2 else 1 for i in moved]
        path = (
            self.read_paths(factors, len(groups), 0, make_table(14, (7, 3, 8), True))
            if moved
            else []
        )
        for i, column in zip(moved, path, strict=True):
            centres[i] = column
        sizes_of_histograms = [
            scale + 2 for i in range(count) if modes[i] == 3 for scale in scales[i]
        ]
        levels = iter(self.read_raw(4, sum(sizes_of_histograms)))
        tables = [
            make_histogram(list(take(levels, scale + 2)))
            if modes[i] == 3
            else make_table(scale, shapes[i], True)
            for i in range(count)
            for scale in scales[i]
        ]
        residuals = self.read_escaped(sizes * count, tables)
        for i in range(count):
            for g, scale in enumerate(scales[i]):
                group = residuals[i * len(groups) + g]
                low = 0 if modes[i] == 3 else count_low_bits(scale)
                fields = self.read_raw(low, len(group))
                group[:] = [
                    centres[i][g] + r * 2**low + f for r, f in zip(group, fields, strict=True)
                ]
        columns = []
        for i in range(count):
            column = residuals[i * len(groups) : (i + 1) * len(groups)]
            if modes[i] == 2:
                for group, share in zip(column, self.read_raw(5, len(groups)), strict=True):
                    count = sum(v != 0 for v in group)
                    flags = (0, (0, 2**24 - max(1, 2 * share) * 2**18, 2**24), -1)
                    negative = (
                        iter(self.read_raw(1, count))
                        if share == 16
                        else iter([self.read_symbol(flags) for _ in range(count)])
                    )
                    group[:] = [v and v * (1 - 2 * next(negative)) for v in group]
            values = dict(zip(chain(*groups), chain(*column), strict=True))
            columns.append([values[row] for row in range(len(contexts))])
        return columns

    def read_sets(self, counts: Sequence[int], bounds: Sequence[int]) -> list[list[int]]:
        """Read sorted sets (section 6)."""
        low, chosen = [], []
        for n, m in zip(counts, bounds, strict=True):
            b = max(0, (m // n).bit_length() - 4)
            chance = (2 ** (32 + b) * n) // (2**b * n + m)
            scale = next((s for s in range(27) if compute_stop(s) <= chance), 27)
            low.append(b)
            chosen.append((scale, (6, 0, 8)))
        own = [i for i, flag in enumerate(self.read_raw(1, len(counts))) if flag]
        for i, field in zip(own, self.read_raw(11, len(own)), strict=True):
            chosen[i] = (field % 32, (field >> 5 & 15, field >> 9, 8))
        quotients = self.read_escaped(counts, [make_table(s, shape, False) for s, shape in chosen])
        sets = []
        for group, b in zip(quotients, low, strict=True):
            fields = self.read_raw(min(b, 32), len(group))
            above = self.read_raw(b - 32, len(group)) if b > 32 else [0] * len(group)
            fields = [f + 2**32 * g for f, g in zip(fields, above, strict=True)]
            sets.append(list(accumulate(q * 2**b + f for q, f in zip(group, fields, strict=True))))
        return sets


def join_contexts(contexts: Sequence[int], least: int) -> list[list[int]]:
    """List the rows of each group (section 5)."""
    groups: list[list[int]] = [[]]
    for context in sorted(set(contexts)):
        if len(groups[-1]) >= least:
            groups.append([])
        groups[-1] += [i for i, c in enumerate(contexts) if c == context]
    if len(groups) > 1 and len(groups[-1]) < least:
        groups[-2:] = [groups[-2] + groups[-1]]
    return [sorted(group) for group in groups if group]


def count_low_bits(scale: int) -> int:
    """low(scale) of section 4."""
    return (scale - 24) // 4 if scale >= 28 else 0


def compute_stop(scale: int) -> int:
    """compute_stop(scale) of section 4."""
    if scale < 8:
        return 2**32 - 2 ** (18, 20, 22, 24, 25, 26, 27, 28)[scale]
    if scale < 12:
        return (218, 194, 172, 152)[scale - 8] * 2**24
    mantissa = (136, 114, 96, 81)[(scale - 12) % 4]
    return mantissa * 2 ** (21 if scale >= 28 else 24 - (scale - 12) // 4)


def compute_geometric(chance: int, count: int) -> list[int]:
    """g_1 .. g_n of section 4."""
    powers, step = [2**32], 2**32 - chance
    while len(powers) < count:
        powers += [power * step >> 32 for power in powers]
        step = step * step >> 32
    return [power * chance >> 32 for power in powers[: count - 1]] + [powers[count - 1]]


def make_table(scale: int, shape: tuple[int, int, int], two_sided: bool) -> Table:
    """Make a one-sided or two-sided table (section 4)."""
    zero, spread, positive = shape
    n = 12 * 2 ** max(0, (min(scale, 27) - 8) // 4) - 1
    h, t = (0, 1, 3, 6)[spread], compute_stop(scale)
    both = zip(compute_geometric(t, n), compute_geometric(t >> 2, n), strict=True)
    chances = [((16 - h) * near + h * far) >> 12 for near, far in both]
    more = isqrt(2**32 * (2**32 - t)) if two_sided else 2**32 - t
    odds = (4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 51, 64, 81, 102, 128)[zero] * (2**32 - more)
    share = min(max(2**24 * odds // (odds + 16 * more), 2**17), 2**24 - 2**17)

    sums = [0, *accumulate(chances[:-1])]

    def side(total: int) -> list[int]:
        ends = [k + (m * (total - n - 255) >> 24) for k, m in enumerate(sums)] + [total]
        return [after - before for before, after in pairwise(ends)]

    w = max(1, 2 * positive)
    below = side((2**24 - share) * (32 - w) // 32)[::-1] if two_sided else []
    above = side((2**24 - share) * w // 32 if two_sided else 2**24 - share)
    rest = 2**24 - sum(below) - sum(above)
    return -len(below), list(accumulate([*below, rest, *above], initial=0)), n


def make_histogram(levels: Sequence[int]) -> Table:
    """Make an explicit histogram (section 4)."""
    weights = [(2 + level % 2) * 2 ** (level // 2) for level in levels]
    table = [1 + w * (2**24 - len(levels)) // sum(weights) for w in weights]
    table[0] += 2**24 - sum(table)
    return 0, list(accumulate(table, initial=0)), -1
