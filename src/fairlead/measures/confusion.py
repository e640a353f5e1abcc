"""How often each class was taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.records import Predictions


@dataclass(frozen=True, eq=False)
class ConfusionCounts:
    """Counts of rows by true and predicted class. Adding two gives the counts of all their rows.

    Attributes:
        counts: (C, C) int64; the row is the true class, the column the predicted one.

    Raises:
        DataError: counts that are not a square of non-negative integers.

    Examples:
        >>> first = ConfusionCounts.count(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=2)
        >>> (first + first).counts.tolist(), first.rows
        ([[2, 2], [0, 2]], 3)
    """

    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        shape = self.counts.shape
        if len(shape) != 2 or shape[0] != shape[1] or self.counts.dtype.kind not in "iu" or (self.counts < 0).any():
            raise DataError(
                f"confusion counts are a square of integers from 0 up, got {self.counts.dtype} of shape {shape}; "
                "make them with ConfusionCounts.count"
            )

    @classmethod
    def count(cls, targets: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> ConfusionCounts:
        """Counts (N,) targets against (N,) predicted classes; rows with target -1 are left out.

        Raises:
            DataError: codes outside 0 to ``classes`` - 1, or arrays of different length.
        """
        if targets.shape != predicted.shape:
            raise DataError(f"{len(targets)} targets but {len(predicted)} predictions; give one of each for every row")
        known = targets >= 0
        codes = np.concatenate([targets[known], predicted[known]])
        if len(codes) and (codes.min() < 0 or codes.max() >= classes):
            raise DataError(
                f"class code {codes[(codes < 0) | (codes >= classes)][0]} is not from 0 to {classes - 1}; "
                "take the codes and the number of classes from the same Labels"
            )
        cells = np.bincount(targets[known] * classes + predicted[known], minlength=classes * classes)
        return cls(cells.reshape(classes, classes).astype(np.int64))

    @classmethod
    def of(cls, predictions: Predictions) -> ConfusionCounts:
        """Counts the rows of ``predictions`` whose target is known."""
        return cls.count(predictions.targets, predictions.predicted, len(predictions.labels))

    def __add__(self, other: ConfusionCounts) -> ConfusionCounts:
        if self.counts.shape != other.counts.shape:
            raise DataError(
                f"counts of {len(self.counts)} and of {len(other.counts)} classes do not add up; "
                "count both with the same Labels"
            )
        return ConfusionCounts(self.counts + other.counts)

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.counts.sum())

    @property
    def right(self) -> NDArray[np.int64]:
        """(C,) rows of each class that were recognised."""
        return np.diagonal(self.counts).copy()

    @property
    def true(self) -> NDArray[np.int64]:
        """(C,) rows of each class."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.int64)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(C,) rows that were taken for each class."""
        return np.asarray(self.counts.sum(axis=0), dtype=np.int64)

    @property
    def occurring(self) -> NDArray[np.bool_]:
        """(C,) whether a class has any row."""
        return self.true > 0
