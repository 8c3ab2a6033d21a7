"""Residual vector quantisation (RVQ) with learned codebooks (GaussianImage, eq. 9).

Codebooks begin with k-means. Their vectors then follow exponential moving averages of the vectors
that choose them, as in SoundStream (Zeghidour et al., 2021).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.profiles.gaussianimage.symbols import Codebooks

# Added to the size of every cluster before it divides, as in the code of GaussianImage.
_SMOOTHING = 1e-5


class CodebookValues(NamedTuple):
    """Quantised vectors, and what each stage did to them."""

    symbols: Int64  # (N, M)
    values: Float64  # (N, C), the sums of the chosen code vectors
    residuals: list[Float64]  # M of (N, C): the input of each stage
    chosen: list[Float64]  # M of (N, C): the code vectors that each stage chose


class LearnedCodebooks:
    """M stages of B code vectors of C channels.

    Args:
        values: float64 (N, C), N >= 1, the vectors that the codebooks begin with.
        stages: number of stages M.
        size: number of vectors B of each stage.
        iterations: number of k-means iterations.
        decay: decay rate of the moving averages per step, 0..1.
        rng: samples the initial centres of k-means.
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
            vectors, count = run_k_means(residual, size, iterations, rng)
            self._vectors.append(vectors)
            self._counts.append(count)
            self._sums.append(vectors * count[:, None])
            residual = residual - vectors[find_nearest(residual, vectors)]

    def freeze(self) -> Codebooks:
        """Return the codebooks as a file holds them, in float32."""
        return Codebooks(np.stack(self._vectors).astype(np.float32))

    def quantise(self, values: Float64, codebooks: Codebooks) -> CodebookValues:
        """Quantise vectors, float64 (N, C): each stage codes the residual of those before it."""
        residual, total = values, np.zeros_like(values)
        indices, residuals, chosen = [], [], []
        for vectors in codebooks.vectors.astype(np.float64):
            index = find_nearest(residual, vectors)
            # Column by column, which keeps the column-major order of the parameters.
            code = vectors.T.take(index, axis=1).T
            indices.append(index)
            residuals.append(residual)
            chosen.append(code)
            total = total + code
            residual = residual - code
        return CodebookValues(np.stack(indices, axis=1), total, residuals, chosen)

    def update(self, quantised: CodebookValues) -> None:
        """Move the code vectors towards the moving averages of the vectors that chose them.

        A code vector that nothing chose stays where it is.
        """
        keep, new = self._decay, 1.0 - self._decay
        for stage, vectors in enumerate(self._vectors):
            index, residual = quantised.symbols[:, stage], quantised.residuals[stage]
            count, total = sum_members(index, residual, len(vectors))
            counts, sums = self._counts[stage], self._sums[stage]
            counts *= keep
            counts += new * count
            sums *= keep
            sums += new * total
            whole = counts.sum()
            smoothed = (counts + _SMOOTHING) / (whole + len(counts) * _SMOOTHING) * whole
            used = count > 0.0
            vectors[used] = sums[used] / smoothed[used, None]


def find_nearest(values: Float64, vectors: Float64) -> Int64:
    """Return the index of the nearest vector to each value, int64 (N,); the first of equals.

    Args:
        values: float64 (N, C).
        vectors: float64 (B, C).
    """
    # Half of |v - c|^2 - |v|^2: the same order, and one matrix product gives all of it.
    score = vectors @ values.T
    np.subtract(0.5 * (vectors * vectors).sum(axis=1)[:, None], score, out=score)
    index: Int64 = score.argmin(axis=0)
    return index


def sum_members(index: Int64, values: Float64, size: int) -> tuple[Float64, Float64]:
    """Count and sum the members of clusters.

    Args:
        index: int64 (N,), the cluster of each value.
        values: float64 (N, C).
        size: number of clusters.

    Returns:
        Numbers of members, float64 (size,), and their sums, float64 (size, C).
    """
    count = np.bincount(index, minlength=size).astype(np.float64)
    sums = [np.bincount(index, weights=column, minlength=size) for column in values.T]
    return count, np.stack(sums, axis=1)


def run_k_means(
    values: Float64, size: int, iterations: int, rng: np.random.Generator
) -> tuple[Float64, Float64]:
    """Run Lloyd's algorithm from randomly chosen values; an empty cluster keeps its centre.

    Args:
        values: float64 (N, C), N >= 1.
        size: number of clusters.
        iterations: number of updates of the centres.
        rng: chooses the initial centres, all different values where there are enough.

    Returns:
        Centres, float64 (size, C), and numbers of members at the last update, float64 (size,).
    """
    first = rng.choice(len(values), size, replace=len(values) < size)
    centres = values[first]
    count, _ = sum_members(find_nearest(values, centres), values, size)
    for _ in range(iterations):
        count, sums = sum_members(find_nearest(values, centres), values, size)
        used = count > 0.0
        centres[used] = sums[used] / count[used, None]
    return centres, count


class Commitment(NamedTuple):
    """A commitment loss and its gradient by the colours, float64 (N, C)."""

    loss: float
    gradient: Float64


def compute_commitment(quantised: CodebookValues, variant: str, size: int) -> Commitment:
    """Compute the commitment loss: the squared distances of colours from their code vectors.

    Args:
        quantised: N colours.
        variant: "code": the mean over N C of each stage, whose gradient pulls the colours.
            "paper": eq. 10, the sum over N B. Only code vectors have a gradient there, and these
            follow moving averages instead, so the gradient is 0.
        size: number of vectors B of a codebook.
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
