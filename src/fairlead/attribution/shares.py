"""What a method found for a row, before it is certified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Shares:
    """The values of a row's parts.

    Attributes:
        values: (rows, columns) float64.
        base: What they add up from.
        full: What they add up to.
        shares: Whether they share ``full - base``.
        sum_error: Monte-Carlo standard error of their sum, wider where it is known from few draws, so that by chance
            alone three of it are exceeded once in 370 times; 0 where nothing was drawn by lot.
        error: Of the values, as a share of their size; None likewise.
        agreement: Correlation of the values of one half of the draws with those of the other; None likewise.
        evaluations: Of the model, gradients included.
        grain: Parts in the smallest group that was measured by itself and that a part is in, in the mean weighted by
            absolute value.
        inferred: Share of the absolute value that was divided evenly, not measured.
        stopped: Why the sampling ended before the error was small enough; empty where it did not.

    Examples:
        >>> round(Shares(np.array([[1.0, 2.0]]), 0.5, 3.4).residual, 6)
        0.1
    """

    values: NDArray[np.float64]
    base: float
    full: float
    shares: bool = True
    sum_error: float = 0.0
    error: float | None = None
    agreement: float | None = None
    evaluations: int = 0
    grain: float = 1.0
    inferred: float = 0.0
    stopped: str = ""

    @property
    def residual(self) -> float | None:
        """By how much the values miss what they share; None where they share nothing."""
        return float(self.values.sum() - (self.full - self.base)) if self.shares else None
