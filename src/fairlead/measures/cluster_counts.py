"""Counts that remember which rows belong together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClusterCounts:
    """Rows by cluster and cell of a tally. Adding two gives the counts of all their rows.

    A cluster's rows may come in different batches, so its own sums must be kept until all have come: memory grows
    with the number of clusters, not of rows.

    Attributes:
        cluster: (K,) codes, in ascending order.
        cell: (K,) flat positions in the tally's counts, ascending within a cluster.
        count: (K,) rows, at least 1.

    Examples:
        >>> first = ClusterCounts.of(np.array([7, 7, 2]), np.array([0, 0, 1]))
        >>> both = first + ClusterCounts.of(np.array([2]), np.array([1]))
        >>> both.cluster.tolist(), both.cell.tolist(), both.count.tolist()
        ([2, 7], [1, 0], [2, 2])
    """

    cluster: IntArray
    cell: IntArray
    count: IntArray

    def __post_init__(self) -> None:
        if not len(self.cluster) == len(self.cell) == len(self.count) or (self.count < 1).any():
            raise DataError("a cluster, a cell and a count of at least 1 are needed for each entry")

    @classmethod
    def of(cls, clusters: IntArray, cells: IntArray) -> ClusterCounts:
        """Counts (N,) rows by their cluster and their cell."""
        return cls._summed(clusters, cells, np.ones(len(clusters), dtype=np.int64))

    @classmethod
    def _summed(cls, clusters: IntArray, cells: IntArray, counts: IntArray) -> ClusterCounts:
        order = np.lexsort((cells, clusters))
        clusters, cells, counts = clusters[order], cells[order], counts[order]
        new = np.ones(len(clusters), dtype=bool)
        new[1:] = (clusters[1:] != clusters[:-1]) | (cells[1:] != cells[:-1])
        start = np.flatnonzero(new)
        summed = np.add.reduceat(counts, start) if len(start) else counts
        return cls(clusters[start].astype(np.int64), cells[start].astype(np.int64), np.asarray(summed, dtype=np.int64))

    def __add__(self, other: ClusterCounts) -> ClusterCounts:
        return self._summed(
            np.concatenate([self.cluster, other.cluster]),
            np.concatenate([self.cell, other.cell]),
            np.concatenate([self.count, other.count]),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClusterCounts):
            return NotImplemented
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in ("cluster", "cell", "count"))

    __hash__ = None  # type: ignore[assignment]
