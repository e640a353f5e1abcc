"""Bounded losses by group, for regression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import ConfigurationError, DataError
from fairlead.measures.bounded_means import BoundedMeans
from fairlead.measures.feature_groups import FeatureGroups
from fairlead.measures.intervals import FloatArray
from fairlead.records import TaskKind

# Losses are kept as integers in units of the bound over this many: sums of integers do not depend on their order.
_STEPS = 1_000_000


@dataclass(frozen=True, eq=False)
class LossTally:
    """Rows, losses and squared losses by group. Any split of the rows, in any order, adds up to the same tally.

    Of a loss without bound no interval can be had: one row not seen may outweigh all. So losses are clipped to a
    declared one. They are rounded to a millionth of it.

    Attributes:
        by: The feature, or intersection, and its G declared groups; the last slot is for rows without a value.
        most: The bound, in the loss's own unit.
        rows: (G + 1,) int64.
        sums: (G + 1,) int64, in millionths of the bound.
        squares: (G + 1,) Python integers (they outgrow int64), in millionths of the bound, squared.

    Raises:
        ConfigurationError: a bound that is not a positive, finite number.

    Examples:
        >>> by = FeatureGroups("sex", ("f", "m"))
        >>> tally = LossTally.count(by, np.array([0, 0, 1]), np.array([1.0, 3.0, 50.0]), most=10.0)
        >>> tally.means().values.tolist(), (tally + tally).rows.tolist()
        ([0.2, 1.0], [4, 2, 0])
    """

    by: FeatureGroups
    most: float
    rows: NDArray[np.int64]
    sums: NDArray[np.int64]
    squares: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_bound(self.most)
        slots = len(self.by.slots)
        if self.rows.shape != (slots,) or self.sums.shape != (slots,) or len(self.squares) != slots:
            raise DataError(f"a tally of {self.by.feature!r} has {slots} slots; make it with LossTally.count")

    @classmethod
    def count(cls, by: FeatureGroups, groups: NDArray[np.int64], losses: FloatArray, *, most: float) -> LossTally:
        """Counts (N,) losses by (N,) slots.

        Raises:
            ConfigurationError: a bound that is not a positive, finite number.
            DataError: columns of different length, a slot out of range, or a loss that is negative or not a number.
        """
        _check_bound(most)
        slots = len(by.slots)
        if groups.shape != losses.shape or (len(groups) and (groups.min() < 0 or groups.max() >= slots)):
            raise DataError(f"slots are integers from 0 to {slots - 1}, one for each of {len(losses)} losses")
        good = losses >= 0
        if not good.all():
            bad = int(np.flatnonzero(~good)[0])
            raise DataError(f"row {bad}: a loss is at least 0, got {losses[bad]}; drop the row or mend the model")
        steps = np.rint(np.minimum(losses / most, 1.0) * _STEPS).astype(np.int64)
        sums, squares = np.zeros(slots, dtype=np.int64), [0] * slots
        np.add.at(sums, groups, steps)
        # Halves of a square stay within 2**53 for far more rows than int64 would take of the whole.
        high, low = np.divmod(steps**2, _STEPS)
        for slot in range(slots):
            chosen = groups == slot
            squares[slot] = int(high[chosen].sum()) * _STEPS + int(low[chosen].sum())
        return cls(by, most, np.bincount(groups, minlength=slots).astype(np.int64), sums, tuple(squares))

    def __add__(self, other: LossTally) -> LossTally:
        if (self.by, self.most) != (other.by, other.most):
            raise DataError(f"losses by {self.by.feature!r} and {other.by.feature!r} do not add up: declare both alike")
        squares = tuple(one + two for one, two in zip(self.squares, other.squares, strict=True))
        return LossTally(self.by, self.most, self.rows + other.rows, self.sums + other.sums, squares)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LossTally) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    @property
    def task(self) -> TaskKind:
        """Regression."""
        return TaskKind.REGRESSION

    def means(self) -> BoundedMeans:
        """Returns each declared group's mean loss as a share of the bound."""
        rows = self.rows[:-1]
        size = np.maximum(rows, 1)
        mean = self.sums[:-1] / size / _STEPS
        square = np.array([float(total) for total in self.squares[:-1]]) / size / _STEPS**2
        variance = np.maximum(square - mean**2, 0.0) * size / np.maximum(size - 1, 1)
        values = np.where(rows > 0, mean, np.nan)
        return BoundedMeans("loss", "rows", self.by.groups, values, rows, rows.astype(np.float64), variance)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "schema": 1,
            "feature": self.by.feature,
            "groups": list(self.by.groups),
            "most": self.most,
            "rows": self.rows.tolist(),
            "sums": self.sums.tolist(),
            "squares": list(self.squares),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> LossTally:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: a schema this release does not know.
        """
        if content.get("schema") != 1:
            raise DataError(f"a tally of schema {content.get('schema')!r} is not known; this release reads 1")
        by = FeatureGroups(content["feature"], tuple(content["groups"]))
        rows, sums = (np.array(content[name], dtype=np.int64) for name in ("rows", "sums"))
        return cls(by, content["most"], rows, sums, tuple(content["squares"]))


def _check_bound(most: float) -> None:
    if not (np.isfinite(most) and most > 0):
        raise ConfigurationError(f"losses need a finite bound above 0 to be judged by, got {most}; declare one")
