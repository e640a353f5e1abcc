"""Means by group of values that lie between 0 and 1, with bounds that hold whatever the values' law."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fairlead.measures.intervals import FloatArray
from fairlead.measures.special import rel_entr
from fairlead.measures.tail_shares import TailShares

_HALVINGS = 60


@dataclass(frozen=True, eq=False)
class BoundedMeans:
    """A mean of each of G groups.

    Attributes:
        name: E.g. ``"auc"``.
        denominator: What its rows are called.
        groups: G group names.
        values: (G,) means in [0, 1]; NaN for a group without rows.
        rows: (G,) int64, the rows on which the fewest-rows rule is to be applied.
        effective: (G,) independent values each mean is at least as sure as; 0 without rows.
        variances: (G,) sample variances, where values are independent and their squares were summed; else None.

    Examples:
        >>> means = BoundedMeans("loss", "rows", ("a",), np.array([0.0]), np.array([100]), np.array([100.0]))
        >>> low, high = means.ends(0.025)
        >>> print(f"{low[0]:.3f} {high[0]:.3f}")
        0.000 0.036
    """

    name: str
    denominator: str
    groups: tuple[str, ...]
    values: FloatArray
    rows: NDArray[np.int64]
    effective: FloatArray
    variances: FloatArray | None = None

    def ends(self, tail: float) -> tuple[FloatArray, FloatArray]:
        """Bounds each mean from below and above, each bound wrong with a chance of at most ``tail``.

        The bounds are those of Chernoff and Hoeffding, and where variances are known the better of them and the
        empirical Bernstein ones, at half the tail each. They ask for boundedness and nothing else.

        Returns:
            (G,) lower and upper bounds; 0 and 1 for a group without rows.

        References:
            Hoeffding (1963), Probability inequalities for sums of bounded random variables, JASA 58; its section 5
            for U-statistics. Maurer and Pontil (2009), Empirical Bernstein bounds and sample-variance penalization,
            COLT, theorem 4.
        """
        known = self.effective > 0
        value, size = np.where(known, np.nan_to_num(self.values), 0.5), np.where(known, self.effective, 1.0)
        share = tail if self.variances is None else tail / 2
        low = _chernoff(value, size, share, upward=False)
        high = _chernoff(value, size, share, upward=True)
        if self.variances is not None:
            doubt = np.log(2 / share)
            reach = np.sqrt(2 * self.variances * doubt / size) + 7 * doubt / (3 * np.maximum(size - 1, 0.5))
            low, high = np.maximum(low, value - reach), np.minimum(high, value + reach)
        return np.where(known, low, 0.0), np.where(known, high, 1.0)

    def without(self, left_out: NDArray[np.bool_]) -> BoundedMeans:
        """Returns the same with some groups, (G,), as if they had no rows."""
        return replace(
            self,
            values=np.where(left_out, np.nan, self.values),
            rows=np.where(left_out, 0, self.rows),
            effective=np.where(left_out, 0.0, self.effective),
        )

    def difference_ends(self, counted: NDArray[np.bool_], shares: TailShares) -> tuple[float, float]:
        """The interval of the largest difference between two groups' means: boxes, at half the chance an end.

        Args:
            counted: (G,) groups that may speak for a difference.
            shares: Chances of missing.
        """
        low, high = self.ends(shares.above / 2)
        gaps = high[:, None] - low[None, :]
        most = float(gaps[~np.eye(len(low), dtype=bool)].max())
        low, high = self.ends(shares.below / (2 * max(1, int(counted.sum()))))
        least = float(low[counted].max() - high[counted].min()) if counted.any() else 0.0
        return max(0.0, least), max(0.0, least, most)

    def worst_ends(self, counted: NDArray[np.bool_], shares: TailShares) -> tuple[float, float]:
        """The interval of the largest of the means.

        Args:
            counted: (G,) groups that may speak for a large mean.
            shares: Chances of missing.
        """
        _, high = self.ends(shares.above)
        low, _ = self.ends(shares.below / max(1, int(counted.sum())))
        return float(low[counted].max()) if counted.any() else 0.0, float(high.max())


def _chernoff(value: FloatArray, size: FloatArray, tail: float, *, upward: bool) -> FloatArray:
    """Returns (G,) the farthest mean at which the divergence from ``value`` times the rows stays within -log(tail)."""
    near, far = value.copy(), np.full_like(value, 1.0 if upward else 0.0)
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        inside = size * (rel_entr(value, middle) + rel_entr(1 - value, 1 - middle)) <= -np.log(tail)
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return np.asarray(far, dtype=np.float64)
