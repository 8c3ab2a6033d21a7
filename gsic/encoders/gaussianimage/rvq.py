"""Residual vector quantisation with codebooks that follow their members (GaussianImage, eq. 9).

Codebooks begin with k-means and then move with exponential moving averages of the vectors that
choose them, as in SoundStream (Zeghidour et al., 2021).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.profiles.gaussianimage.symbols import Codebooks

# Added to the size of every cluster before it divides, as in the paper's code.
_SMOOTHING = 1e-5


class OnCodebooks(NamedTuple):
    """Vectors and what became of them."""

    symbols: Int64  # (N, M)
    values: Float64  # (N, C), the sums of the chosen code vectors
    residuals: list[Float64]  # M of (N, C): what each stage had to code
    chosen: list[Float64]  # M of (N, C): the code vectors it chose


class LearnedCodebooks:
    """M stages of B code vectors of C channels.

    Args:
        values: float64 (N, C), N >= 1, to begin with.
        stages, size: M and B.
        iterations: of k-means.
        decay: what is kept of the moving averages in a step.
        rng: draws the vectors that k-means begins with.
    """

    def __init__(
        self,
        values: Float64,
        stages: int,
        size: int,
        iterations: int,
        decay: float,
        rng: np.random.Generator,
    ) -> None:
        self._decay = decay
        self._vectors: list[Float64] = []
        self._counts: list[Float64] = []
        self._sums: list[Float64] = []
        residual = values
        for _ in range(stages):
            vectors, count = k_means(residual, size, iterations, rng)
            self._vectors.append(vectors)
            self._counts.append(count)
            self._sums.append(vectors * count[:, None])
            residual = residual - vectors[nearest(residual, vectors)]

    def frozen(self) -> Codebooks:
        """The codebooks as a file holds them."""
        return Codebooks(np.stack(self._vectors).astype(np.float32))

    def quantise(self, values: Float64, codebooks: Codebooks) -> OnCodebooks:
        """The nearest code vector of each stage to what the stages before it left."""
        residual, total = values, np.zeros_like(values)
        indices, residuals, chosen = [], [], []
        for vectors in codebooks.vectors.astype(np.float64):
            index = nearest(residual, vectors)
            # Taken column by column, so that columns stay one after the other.
            code = vectors.T.take(index, axis=1).T
            indices.append(index)
            residuals.append(residual)
            chosen.append(code)
            total = total + code
            residual = residual - code
        return OnCodebooks(np.stack(indices, axis=1), total, residuals, chosen)

    def follow(self, quantised: OnCodebooks) -> None:
        """Move the code vectors towards the means of what chose them.

        One that nothing chooses stays where it is.
        """
        keep, new = self._decay, 1.0 - self._decay
        for stage, vectors in enumerate(self._vectors):
            index, residual = quantised.symbols[:, stage], quantised.residuals[stage]
            count, total = members(index, residual, len(vectors))
            counts, sums = self._counts[stage], self._sums[stage]
            counts *= keep
            counts += new * count
            sums *= keep
            sums += new * total
            whole = counts.sum()
            smoothed = (counts + _SMOOTHING) / (whole + len(counts) * _SMOOTHING) * whole
            used = count > 0.0
            vectors[used] = sums[used] / smoothed[used, None]


def nearest(values: Float64, vectors: Float64) -> Int64:
    """Index of the nearest of `vectors` (B, C) to each of `values` (N, C); the first of equals."""
    # |v - c|^2 less |v|^2, halved.
    score = vectors @ values.T
    np.subtract(0.5 * (vectors * vectors).sum(axis=1)[:, None], score, out=score)
    index: Int64 = score.argmin(axis=0)
    return index


def members(index: Int64, values: Float64, size: int) -> tuple[Float64, Float64]:
    """How many values (N, C) are in each of `size` clusters, and their sums (size, C)."""
    count = np.bincount(index, minlength=size).astype(np.float64)
    sums = [np.bincount(index, weights=column, minlength=size) for column in values.T]
    return count, np.stack(sums, axis=1)


def k_means(
    values: Float64, size: int, iterations: int, rng: np.random.Generator
) -> tuple[Float64, Float64]:
    """Lloyd's algorithm from values drawn at random; an empty cluster keeps its centre.

    Args:
        values: float64 (N, C), N >= 1.
        size: how many clusters. iterations: how often centres move.
        rng: draws the first centres, all different values where there are enough.

    Returns:
        Centres (size, C), and how many values each had when it moved last.
    """
    first = rng.choice(len(values), size, replace=len(values) < size)
    centres = values[first]
    count, _ = members(nearest(values, centres), values, size)
    for _ in range(iterations):
        count, sums = members(nearest(values, centres), values, size)
        used = count > 0.0
        centres[used] = sums[used] / count[used, None]
    return centres, count


class Commitment(NamedTuple):
    """A commitment loss and its gradient by the colours (N, C)."""

    loss: float
    gradient: Float64


def commitment(quantised: OnCodebooks, variant: str, size: int) -> Commitment:
    """How far colours are from their code vectors.

    Args:
        quantised: colours (N, C). size: of a codebook, B.
        variant: "paper", eq. 10: squared distances over N B, of which only code vectors would feel
            a gradient, and these follow moving averages instead, so nothing does; "code": the mean
            over N C of each stage, which pulls colours.
    """
    pairs = zip(quantised.residuals, quantised.chosen, strict=True)
    gaps = [residual - chosen for residual, chosen in pairs]
    loss = sum(float(np.square(gap).sum()) for gap in gaps)
    if variant == "paper":
        return Commitment(loss / (len(gaps[0]) * size), np.zeros_like(gaps[0]))
    gradient = gaps[0].copy(order="K")
    for gap in gaps[1:]:
        gradient += gap
    gradient *= 2.0 / gradient.size
    return Commitment(loss / gradient.size, gradient)
