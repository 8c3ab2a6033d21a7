"""K-means, with centroids carried from one call to the next (section 3.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gsic.arrays import Float64
from gsic.encoders.two_dgs.recipe import TwoDgsRecipe

Int64 = NDArray[np.int64]


class Clusters:
    """At most k centroids of rows.

    Args:
        recipe: iterations at each call, and what an empty cluster becomes: the row farthest from
            its centroid (a second one the second farthest, and so on), or a row of zeros.
        rows: int, k.
        weights: float64 (columns,), what columns are multiplied by where distances are compared.
        rng: chooses k rows to begin with.
    """

    def __init__(
        self, recipe: TwoDgsRecipe, rows: int, weights: Float64, rng: np.random.Generator
    ) -> None:
        self._recipe, self._rows, self._weights, self._rng = recipe, rows, weights, rng
        self.centroids = np.zeros((0, len(weights)))  # float64 (k, columns)
        self.index = np.zeros(0, np.int64)  # (N,), the centroid of each row

    def update(self, values: Float64) -> Float64:
        """Move the centroids to `values`, float64 (N, columns), and return those of its rows."""
        if not len(self.centroids):
            self.centroids = values[self._rng.permutation(len(values))[: self._rows]]
        before = np.zeros(0, np.int64)
        # Squares of rows are the same for every centroid; one product gives all the rest.
        weighted = values * self._weights
        extended = np.concatenate((weighted, np.ones((len(values), 1))), axis=1)
        for _ in range(self._recipe.cluster_iterations):
            centroids = self.centroids * self._weights
            squares = np.square(centroids).sum(axis=1)
            distances = extended @ np.concatenate((-2.0 * centroids.T, squares[None]))
            self.index = distances.argmin(axis=1)
            # What is assigned as before has moved its centroids already.
            if np.array_equal(self.index, before):
                break
            before = self.index
            self._move(values)
        return self.centroids[self.index]

    def backward(self, grad: Float64) -> Float64:
        """Gradient by `values` from one by what `update` returned.

        It goes straight through, and as the public code has it, through the centroids as well.
        """
        if not self._recipe.shared_gradient:
            return grad
        return grad + self._means(grad)[self.index]

    def _means(self, values: Float64) -> Float64:
        """Means of rows by cluster; zeros for empty ones."""
        rows = len(self.centroids)
        sums = [np.bincount(self.index, column, rows) for column in values.T]
        return np.stack(sums, axis=1) / np.maximum(self._counts(), 1)[:, None]

    def _counts(self) -> Int64:
        return np.bincount(self.index, minlength=len(self.centroids)).astype(np.int64)

    def _move(self, values: Float64) -> None:
        """Put each centroid into the middle of its cluster."""
        centroids = self._means(values)
        vacant = np.flatnonzero(self._counts() == 0)
        if len(vacant) and self._recipe.empty == "farthest":
            errors = np.square((values - centroids[self.index]) * self._weights).sum(axis=1)
            farthest = np.argsort(-errors, kind="stable")[: len(vacant)]
            centroids[vacant[: len(farthest)]] = values[farthest]
        self.centroids = centroids
