"""Profile 1 of the independent decoder, written from section 7 of FORMAT.md, and pixels of all.

Everything is float64, with a loop over the Gaussians. Sections are those of FORMAT.md.
"""

from math import ceil, floor, log2, sqrt
from typing import NamedTuple

import format_gaussianimage
import format_two_dgs
import numpy as np
from format_decoder import Payload, read_container, read_varint, take
from numpy.typing import NDArray

MARGIN = 8
POSITION_CLASSES = range(-8, 8)
LOG_SCALE, LOG_ANISOTROPY = 1, 1
MIN_LOG_SCALE, MAX_LOG_SCALE, MAX_LOG_ANISOTROPY = 2 * log2(0.3), 28, 6
ROWS = 16
LEVELS = 8
VISIBLE = 543

# x and y of the mean in px, A, s, a, b, amplitudes
Gaussian = tuple[float, float, int, int, int, int, list[int]]


def decode(data: bytes) -> NDArray[np.uint8]:
    """Decode a file to an image, (H, W) or (H, W, 2..4)."""
    fields = read_container(data)
    width, height, mode = (int(fields[name]) for name in ("width", "height", "mode"))
    channels = (1, 2, 3, 4, 1, 2)[mode]
    papers = {2: format_gaussianimage.draw_planes, 3: format_two_dgs.draw_planes}
    if fields["profile"] in papers:
        drawn = papers[fields["profile"]](fields, width, height, channels)
        return to_image(np.clip(drawn, 0, 1), mode)
    assert fields["profile"] == 1
    step, background, gaussians = read_symbols(fields, width, height, channels)
    lattices = [Lattice(0, 0, np.zeros((height, width, channels)))]
    for _ in range(1, LEVELS):
        lattices.append(make_coarser(lattices[-1]))
    for gaussian in gaussians:
        draw(lattices, step, gaussian)
    for fine, coarse in zip(lattices[-2::-1], lattices[:0:-1], strict=True):
        across = enlarge(coarse.cells.transpose(1, 0, 2), coarse.x, fine.x, fine.cells.shape[1])
        fine.cells[:] += enlarge(across.transpose(1, 0, 2), coarse.y, fine.y, len(fine.cells))
    planes = lattices[0].cells + np.array(list(background)) / 255
    return to_image(np.clip(planes, 0, 1), mode)


def read_symbols(
    fields: dict[str, int | bytes], width: int, height: int, channels: int
) -> tuple[int, bytes, list[Gaussian]]:
    """Read step index, background, and the Gaussians in the order of the file (7.1 and 7.2)."""
    body = iter(bytes(fields["parameters"]))
    step, background, count = read_varint(body), take(body, channels), read_varint(body)
    assert step < 1280
    assert len(background) == channels
    if count == 0:
        assert fields["payload"] == b""
        assert not list(body)
        return step, background, []
    mask = int.from_bytes(take(body, 2), "little")
    classes = [p for i, p in enumerate(POSITION_CLASSES) if mask >> i & 1]
    counts = [read_varint(body) for _ in classes[1:]]
    counts.append(count - sum(counts))
    assert min(counts) > 0
    assert not list(body)
    states = 1 if count < 512 else 2 if count < 2048 else 4
    payload = Payload(bytes(fields["payload"]), states)
    grids = [
        (ceil((width + 2 * MARGIN) * 2.0**p / 4), ceil((height + 2 * MARGIN) * 2.0**p / 4))
        for p in classes
    ]
    sets = payload.read_sets(counts, [columns * rows for columns, rows in grids])
    places = [
        (p, key % columns, key // columns)
        for p, keys, (columns, _) in zip(classes, sets, grids, strict=True)
        for key in keys
    ]
    (differences,) = payload.read_columns(1, [p for p, _, _ in places], ROWS)
    shapes = [d + max(p + 2, 0) for d, (p, _, _) in zip(differences, places, strict=True)]
    assert all(0 <= fineness <= 15 for fineness in shapes)
    scales, a, b, *colors = payload.read_columns(3 + channels, shapes, ROWS, doubling=True)
    fine_bits = [
        count_fine_bits(p, fineness, a[i], b[i])
        for i, ((p, _, _), fineness) in enumerate(zip(places, shapes, strict=True))
    ]
    cells = payload.read_fields([4 + finer % 2 for finer in fine_bits])
    payload.finish()
    gaussians = []
    for i, ((p, x, y), fineness) in enumerate(zip(places, shapes, strict=True)):
        scale = scales[i] + ((2 * (fineness - p) - fine_bits[i] % 2) * 2**fineness >> LOG_SCALE)
        k = 2 - fine_bits[i] // 2
        along = (cells[i] % 2**k + 0.5) / 2**k
        across = (cells[i] // 2**k + 0.5) / 2 ** (k + fine_bits[i])
        right, down = (along, across) if a[i] >= 0 else (across, along)
        mean = (x + right) * 2.0 ** (2 - p) - MARGIN, (y + down) * 2.0 ** (2 - p) - MARGIN
        gaussians.append((*mean, fineness, scale, a[i], b[i], [color[i] for color in colors]))
    return step, background, gaussians


def count_fine_bits(p: int, fineness: int, a: int, b: int) -> int:
    """Count the bits of the number of a cell within its square (7.2)."""
    one = 2**fineness
    h = max(512 * abs(a), 512 * abs(b) - 256 * one, 362 * (abs(a) + abs(b)) - 58 * one)
    return min((h + 128 * one) // (256 * one), 4, 2 * (7 - p))


class Lattice(NamedTuple):
    """Cells (rows, columns, channels) of a lattice, the first of which is cell (x, y)."""

    x: int
    y: int
    cells: NDArray[np.float64]


def make_coarser(fine: Lattice) -> Lattice:
    """Make the empty coarser lattice that a lattice needs (7.4, enlarging)."""
    rows, columns, channels = fine.cells.shape
    x, y = fine.x // 2 - 2, fine.y // 2 - 2
    right, bottom = (fine.x + columns - 1) // 2 + 2, (fine.y + rows - 1) // 2 + 2
    return Lattice(x, y, np.zeros((bottom + 1 - y, right + 1 - x, channels)))


def enlarge(cells: NDArray[np.float64], begin: int, first: int, count: int) -> NDArray[np.float64]:
    """Enlarge rows of cells, from row `begin` on, to `count` finer rows from `first` on (7.4)."""
    weights = np.array([1, 121, 235, 27]) / 384
    rows = []
    for row in range(first, first + count):
        j, odd = divmod(row, 2)
        place = j - 1 - begin if odd else j - 2 - begin
        order = weights[::-1] if odd else weights
        rows.append(np.tensordot(order, cells[place : place + 4], 1))
    return np.array(rows)


def draw(lattices: list[Lattice], step: int, gaussian: Gaussian) -> None:
    """Add one Gaussian to its lattice (sections 7.3 and 7.4)."""
    *mean, fineness, scale, a, b, amplitudes = gaussian
    m = min(max(scale * 2.0 ** (LOG_SCALE - fineness), MIN_LOG_SCALE), MAX_LOG_SCALE)
    step_uv = 2.0 ** (LOG_ANISOTROPY - fineness)
    u, v = a * step_uv, b * step_uv
    rho, most = sqrt(u * u + v * v), min(MAX_LOG_ANISOTROPY, m - MIN_LOG_SCALE)
    if rho > most:
        u, v, rho = u * most / rho, v * most / rho, most
    energy = min(sum(amplitude**2 for amplitude in amplitudes), 2**52)
    level = 32 * energy.bit_length() + step - 640 + VISIBLE - floor(32 * m)
    if energy == 0 or level < 0:
        return
    cutoff = level * np.log(2) / 64
    color = np.array(amplitudes) * 2 ** (step / 64 - 10) * 2 ** (-m / 2) / np.sqrt(np.pi)
    if len(color) > 2:
        luma, first, second = color[:3] / np.sqrt([3, 2, 6])
        color[:3] = luma + first + second, luma - 2 * second, luma - first + second

    number = min(max(floor((m - rho) / 2), 0), LEVELS - 1)
    lattice, cell = lattices[number], 2.0**number
    m, u, v, rho = np.log(2) * np.array([m, u, v, rho])
    ratio = np.sinh(rho) / rho if rho else 1.0
    s12 = np.exp(m) * ratio * v
    s22 = np.exp(m) * (np.cosh(rho) - ratio * u)
    det = np.exp(2 * m)
    s11 = (det + s12 * s12) / s22
    added = 4 * (cell**2 - 1) / 9
    left = det - added * (s11 + s22 - added)
    color *= np.sqrt(det / left)
    s12, s22, det = s12 / cell**2, (s22 - added) / cell**2, left / cell**4
    height, width, _ = lattice.cells.shape
    dx = lattice.x + np.arange(width) + 0.5 - mean[0] / cell
    dy = (lattice.y + np.arange(height) + 0.5 - mean[1] / cell)[:, None]
    across = np.sqrt(s22 / det) * dx - s12 / np.sqrt(s22 * det) * dy
    q = (across**2 + dy**2 / s22) / 2
    weight = np.where(q <= min(cutoff, 16), np.exp(-q) - np.exp(-cutoff), 0.0)
    lattice.cells[:] += weight[..., None] * color


def to_image(planes: NDArray[np.float64], mode: int) -> NDArray[np.uint8]:
    """Convert planes in 0..1 to an image (section 7.5)."""
    pixels = np.floor(255 * planes + 0.5)
    if mode in (1, 3, 5):
        alpha = pixels[..., -1:]
        color = np.floor(65025 * planes[..., :-1] / np.maximum(alpha, 1) + 0.5)
        pixels[..., :-1] = np.where(alpha == 0, 0, np.minimum(color, 255))
    if mode == 0:
        pixels = pixels[..., 0]
    elif mode in (4, 5):
        pixels = np.concatenate([pixels[..., :1]] * 2 + [pixels], axis=2)
    return pixels.astype(np.uint8)
