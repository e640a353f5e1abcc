"""By how much a rate changed on the same rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Estimate
from fairlead.measures.intervals import binomial_interval


def paired_change(before: NDArray[np.bool_], after: NDArray[np.bool_], level: float = 0.95) -> Estimate | None:
    """Estimates the rate after less the rate before, of the same N rows; None without rows.

    Only rows that changed count. The share that changed for the better and the share that changed for the worse get
    exact intervals that share the chance of missing, and the ends of their difference are read off the two: it covers
    at every N, and is wider than it must be. Methods by score (Newcombe 1998) are narrower and cover less in few rows.

    Args:
        before: (N,) whether each row was a success.
        after: (N,) whether it is now.
        level: Coverage, at least.

    References:
        Clopper and Pearson (1934), The use of confidence or fiducial limits, Biometrika 26; Bonferroni's inequality.

    Examples:
        >>> change = paired_change(np.arange(100) < 80, np.arange(100) < 90)
        >>> str(change)
        '0.100 [0.001, 0.188]'
    """
    rows = len(before)
    if not rows:
        return None
    better, worse = int((~before & after).sum()), int((before & ~after).sum())
    shared = 1 - (1 - level) / 2
    gained, lost = (binomial_interval(count, rows, shared) for count in (better, worse))
    return Estimate(
        (better - worse) / rows,
        float(gained[0] - lost[1]),
        float(gained[1] - lost[0]),
        level,
        rows,
        "exact binomial (Clopper-Pearson) of rows gained and of rows lost, sharing the chance of missing",
    )
