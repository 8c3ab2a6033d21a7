"""RDOQ of a large image by strips of rows, which bounds its memory and lets threads share it.

A pass visits the Gaussians of one strip after the other. A strip is drawn with margins above and
below it, so that all of what its Gaussians change is seen. Every second strip is first, in any
order as they touch no common pixel, then the others, which see the moves of the first ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gsic.arrays import Float32, Float64, Int64, Rows
from gsic_kernels.cpu.rdoq.rdoq_pass import CodeLengths, RdoqImage
from gsic_kernels.cpu.sums.dequantising import dequantise_symbols
from gsic_kernels.registry import get
from gsic_kernels.types import LogSymbols, Splats, Window

# An image of up to so many pixels is one strip, and a strip of a larger one has about so many.
_WHOLE_PIXELS, _STRIP_PIXELS = 1 << 22, 3 << 19

# Strips begin at rows that are multiples of this, as blocks do.
_ROWS = 4

# A margin is as high as this share of the Gaussians reach, and at least so many px. About one
# Gaussian in a hundred is then near the border of a strip and reaches beyond the margin.
_SHARE, _LEAST_MARGIN_PX = 0.95, 32

# A move may let a Gaussian reach so many times as far.
_GROWTH = 1.25


class RdoqStrips:
    """An image whose Gaussians RDOQ moves strip by strip.

    Args:
        planes: float32 (H, W, C), 0..1, the image.
        background: float32 (C,).
        threads: CPU threads, on which no result depends.
    """

    def __init__(self, planes: Rows, background: Float32, threads: int) -> None:
        self._planes, self._background, self._threads = planes, background, threads
        self._whole: RdoqImage | None = None

    def run_pass(self, symbols: LogSymbols, lengths: CodeLengths, lambda_: float) -> int:
        """Move each of N Gaussians once to a neighbour, if that lowers error + lambda bits.

        In an image of several strips, a Gaussian that reaches beyond the margins of its strip stays
        as it is.

        Args:
            symbols, lengths, lambda_: as for `RdoqImage.run_pass`.

        Returns:
            The number of moves.
        """
        height, width, _ = self._planes.shape
        if height * width <= _WHOLE_PIXELS:
            if self._whole is None:
                self._whole = RdoqImage(self._planes[:])
            image = self._draw(dequantise_symbols(symbols), 0, height)
            return self._whole.run_pass(symbols, lengths, lambda_, image).moves
        splats = dequantise_symbols(symbols, self._threads)
        center, reach = _measure_rows(splats)
        grown = _GROWTH * reach
        margin = _round_up(max(float(np.quantile(reach, _SHARE)), _LEAST_MARGIN_PX))
        rows = _round_up(max(_STRIP_PIXELS / width, 2 * margin))
        tops = range(0, height, rows)

        def run_strip(top: int) -> int:
            bottom = min(top + rows, height)
            first, end = max(top - margin, 0), min(bottom + margin, height)
            # Means may lie outside the image.
            own = (top == 0) | (center >= top)
            own &= (bottom == height) | (center < bottom)
            own &= (first == 0) | (center - reach >= first)
            own &= (end == height) | (center + reach <= end)
            chosen = np.flatnonzero(own)
            near = np.flatnonzero(np.abs(2.0 * center - first - end) <= 2.0 * grown + end - first)
            return self._move(symbols, lengths, lambda_, chosen, near, (first, end))

        moves = self._share(run_strip, tops[::2])
        return moves + self._share(run_strip, tops[1::2])

    def _share(self, run_strip: Callable[[int], int], tops: Sequence[int]) -> int:
        """Run strips on all threads, and return the number of moves."""
        with ThreadPoolExecutor(self._threads) as pool:
            return sum(pool.map(run_strip, tops))

    def _move(
        self,
        symbols: LogSymbols,
        lengths: CodeLengths,
        lambda_: float,
        chosen: Int64,
        near: Int64,
        rows: tuple[int, int],
    ) -> int:
        """Move the chosen Gaussians; those near are all that draw in these rows of the image."""
        first, end = rows
        image = RdoqImage(self._planes[first:end], first, self._planes.shape[0])
        drawn = dequantise_symbols(symbols._replace(rows=_take(symbols.rows, near)))
        own = symbols._replace(rows=_take(symbols.rows, chosen))
        of_own = lengths._replace(
            origins=_take(lengths.origins, chosen),
            lowest=_take(lengths.lowest, chosen),
            highest=_take(lengths.highest, chosen),
            own=lengths.own[chosen],
        )
        done = image.run_pass(own, of_own, lambda_, self._draw(drawn, first, end))
        symbols.rows[:, chosen] = own.rows
        return done.moves

    def _draw(self, splats: Splats, first: int, end: int) -> Float32:
        """Draw some rows of the image, not clamped."""
        window = Window(0, first, self._planes.shape[1], end - first)
        return get("cpu").render_sum(splats, window, self._background)


def _measure_rows(splats: Splats) -> tuple[Float64, Float64]:
    """Measure at which row Gaussians are, and how far they reach, px."""
    cell = np.exp2(splats.level.astype(np.float64))
    steepness = np.abs(splats.factor[:, 2].astype(np.float64))
    reach = np.sqrt(2.0 * np.maximum(splats.cutoff, 0.0)) / steepness
    mean = splats.mean[:, 1].astype(np.float64)
    return mean * cell, (reach + 2.0) * cell


def _take(table: np.ndarray, columns: Int64) -> np.ndarray:
    return np.ascontiguousarray(table[:, columns])


def _round_up(rows: float) -> int:
    return int(-(-rows // _ROWS)) * _ROWS
