"""Mean and spread of values over rounds of sampling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from fairlead.attribution.shares import Shares
from fairlead.errors import AttributionError

_FEWEST = 4  # rounds, for a spread that means something
_TOLD = 3.0  # standard errors, within which a sum is by chance but for once in 370 times


class RunningShares:
    """The values of N rows over rounds: each round is an estimate by itself.

    Args:
        count: N.

    Examples:
        >>> running = RunningShares(1)
        >>> for value in (0.9, 1.1, 1.0, 1.0):
        ...     running.add(np.array([0]), np.array([[[value]]]))
        >>> round(float(running.errors()[0]), 3), running.unsettled(0.1).tolist()
        (0.041, [])
    """

    def __init__(self, count: int) -> None:
        self._rounds = np.zeros(count, dtype=np.int64)
        self._sums: NDArray[np.float64] | None = None  # of even rounds, of odd ones, and of all squares
        self._totals = np.zeros((2, count))  # of the sum of a row's values, and of its square

    def add(self, rows: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Adds a round of (A, rows, columns) values for A of the rows.

        Raises:
            AttributionError: a value that is not a number.
        """
        if not np.isfinite(values).all():
            raise AttributionError(
                "a gradient is not a number: the model's weights or its answers are not; lower the learning rate, or "
                "explain an earlier checkpoint"
            )
        if self._sums is None:
            self._sums = np.zeros((3, len(self._rounds), *values.shape[1:]))
        for row, own in zip(rows, values, strict=True):
            self._sums[self._rounds[row] % 2, row] += own
            self._sums[2, row] += own**2
        total = values.reshape(len(rows), -1).sum(axis=1)
        self._totals[0, rows] += total
        self._totals[1, rows] += total**2
        self._rounds[rows] += 1

    def errors(self) -> NDArray[np.float64]:
        """Returns (N,) the standard error of each row's values as a share of their size; inf where it is not known."""
        if self._sums is None:
            return np.full(len(self._rounds), np.inf)
        rounds = self._rounds.reshape(-1, *[1] * (self._sums.ndim - 2)).astype(np.float64)
        mean = (self._sums[0] + self._sums[1]) / rounds
        spread = np.maximum(self._sums[2] / rounds - mean**2, 0) / np.maximum(rounds - 1, 1)
        size = np.sqrt((mean**2).reshape(len(mean), -1).sum(axis=1))
        error = np.sqrt(spread.reshape(len(mean), -1).sum(axis=1))
        return np.where(size > 0, error / np.where(size > 0, size, 1), np.where(error > 0, np.inf, 0.0))

    def unsettled(self, tolerance: float) -> NDArray[np.int64]:
        """Returns the rows whose error is not known yet, or larger than the tolerance."""
        return np.flatnonzero((self._rounds < _FEWEST) | (self.errors() > tolerance))

    def shares(self, row: int, base: float, full: float, each: int, stopped: str) -> Shares:
        """Returns what is known of a row.

        Args:
            row: Which.
            base: What its values add up from.
            full: What they add up to.
            each: Samples a round.
            stopped: Why its sampling ended early.
        """
        if self._sums is None:
            raise AttributionError("nothing was sampled; give more time")
        rounds = int(self._rounds[row])
        even, odd = (self._sums[half, row] for half in (0, 1))
        total, squares = self._totals[:, row] / rounds
        # A spread known from few rounds is often too small: it is widened as Student's t is, where it is judged.
        widened = float(t.isf(norm.sf(_TOLD), rounds - 1)) / _TOLD if rounds > 1 else np.inf
        sum_error = widened * float(np.sqrt(max(squares - total**2, 0) / max(rounds - 1, 1)))
        return Shares(
            (even + odd) / rounds,
            base,
            full,
            sum_error=sum_error,
            error=float(self.errors()[row]) if rounds > 1 else None,
            agreement=agreement(even, odd),
            evaluations=(rounds + 1) * each + 1,
            stopped=stopped,
        )


def agreement(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Returns the correlation about zero: where nothing is attributed is known.

    Examples:
        >>> round(agreement(np.array([1.0, 1.0]), np.array([2.0, 2.0])), 6), agreement(np.zeros(2), np.ones(2))
        (1.0, 0.0)
    """
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / size) if size > 0 else 0.0
