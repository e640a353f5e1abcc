"""By how much a rate changed on the same rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Estimate
from fairlead.measures.intervals import binomial_interval, tail_of

PAIRED_METHOD = "exact binomial (Clopper-Pearson) of rows gained and of rows lost, sharing the chance of missing"


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
    low, high = net_change_ends(better, worse, rows, tail_of(level))
    return Estimate((better - worse) / rows, low, high, level, rows, PAIRED_METHOD)


def net_change_ends(gained: int, lost: int, rows: int, tail: float) -> tuple[float, float]:
    """Returns the ends of the interval of a net change, from the counts of the rows that changed.

    Args:
        gained: Rows that became a success.
        lost: Rows that no longer are one.
        rows: All of them, changed or not; at least 1.
        tail: Chance that the true change lies below the interval, and that it lies above.

    Examples:
        >>> low, high = net_change_ends(10, 0, 100, 0.025)
        >>> round(low, 3), round(high, 3)
        (0.001, 0.188)
    """
    ends = [binomial_interval(count, rows, 1 - tail) for count in (gained, lost)]
    (least_gained, most_gained), (least_lost, most_lost) = ends
    return float(least_gained - most_lost), float(most_gained - least_lost)
