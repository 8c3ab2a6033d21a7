"""K-means whose centroids are carried from one call to the next (section 3.3)."""

from __future__ import annotations

import numpy as np

from gsic.arrays import Float64, Int64
from gsic.encoders.two_dgs.recipe import TwoDgsRecipe


class Clusters:
    """At most k centroids of N rows.

    Args:
        recipe: iterations at each call, and what an empty cluster becomes: the row farthest from
            its centroid (a second one the second farthest, and so on), or a row of zeros.
        rows: number of centroids k.
        weights: float64 (columns,), factors of the columns where distances are compared.
        rng: chooses k rows to begin with.

    Attributes:
        centroids: float64 (k, columns).
        index: int64 (N,), the centroid of each row.
    """

    def __init__(
        self, recipe: TwoDgsRecipe, rows: int, weights: Float64, rng: np.random.Generator
    ) -> None:
        self._recipe, self._rows, self._weights, self._rng = recipe, rows, weights, rng
        self.centroids = np.zeros((0, len(weights)))
        self.index = np.zeros(0, np.int64)

    def update(self, values: Float64) -> Float64:
        """Move the centroids to `values`, float64 (N, columns), and return those of its rows."""
        if not len(self.centroids):
            self.centroids = values[self._rng.permutation(len(values))[: self._rows]]
        before = np.zeros(0, np.int64)
        # |v|^2 is left out of |v - c|^2, since it is the same for every centroid. The column of
        # ones adds |c|^2, so that one matrix product gives all the rest.
        weighted = values * self._weights
        extended = np.concatenate((weighted, np.ones((len(values), 1))), axis=1)
        for _ in range(self._recipe.cluster_iterations):
            centroids = self.centroids * self._weights
            squares = np.square(centroids).sum(axis=1)
            distances = extended @ np.concatenate((-2.0 * centroids.T, squares[None]))
            self.index = distances.argmin(axis=1)
            # The same assignment would give the same centroids again.
            if np.array_equal(self.index, before):
                break
            before = self.index
            self._move_centroids(values)
        return self.centroids[self.index]

    def backward(self, gradient: Float64) -> Float64:
        """Compute the vector-Jacobian product of `update`.

        The gradient passes straight through. With `shared_gradient`, as in the public code, it
        passes through the centroids as well, which are means of rows.

        Args:
            gradient: float64 (N, columns), by what `update` returned.

        Returns:
            The gradient by `values`, float64 (N, columns).
        """
        if not self._recipe.shared_gradient:
            return gradient
        return gradient + self._average(gradient)[self.index]

    def _average(self, values: Float64) -> Float64:
        """Return the mean of the rows of each cluster; zeros for empty clusters."""
        rows = len(self.centroids)
        sums = [np.bincount(self.index, column, rows) for column in values.T]
        return np.stack(sums, axis=1) / np.maximum(self._count(), 1)[:, None]

    def _count(self) -> Int64:
        return np.bincount(self.index, minlength=len(self.centroids)).astype(np.int64)

    def _move_centroids(self, values: Float64) -> None:
        """Move each centroid to the mean of its cluster, and fill empty clusters."""
        centroids = self._average(values)
        vacant = np.flatnonzero(self._count() == 0)
        if len(vacant) and self._recipe.empty == "farthest":
            errors = np.square((values - centroids[self.index]) * self._weights).sum(axis=1)
            farthest = np.argsort(-errors, kind="stable")[: len(vacant)]
            centroids[vacant[: len(farthest)]] = values[farthest]
        self.centroids = centroids
