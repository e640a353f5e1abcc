"""Thresholds for a classifier of two classes, chosen on its calibration rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fairlead.tuning.threshold_rows import ThresholdRows

RATES_BY_FIGURE: dict[str, tuple[str, ...]] = {
    "true_positive_rate_difference": ("true_positive_rate",),
    "false_positive_rate_difference": ("false_positive_rate",),
    "equalized_odds_difference": ("true_positive_rate", "false_positive_rate"),
    "selection_rate_difference": ("selection_rate",),
}
"""The figures that thresholds can be chosen for, and the rates that each holds near one another."""

_CANDIDATES = 256  # thresholds a group; more distinct scores than that are thinned by rank
_CORNERS = {1: 512, 2: 96, 3: 24}  # lowest rates tried, by the number of rates that are held together

Floats = NDArray[np.float64]


def best_threshold(rows: ThresholdRows) -> float:
    """Returns the one threshold that is right most often; of several, the nearest to one half.

    Examples:
        >>> targets = np.array([0, 0, 1, 1])
        >>> best_threshold(ThresholdRows(np.array([0.1, 0.2, 0.3, 0.9]), targets, np.zeros(4, dtype=np.int64)))
        0.25
    """
    at, right, _ = _curve(rows.scores, rows.targets)
    return float(at[np.lexsort((np.abs(at - 0.5), -right))[0]])


def group_thresholds(rows: ThresholdRows, slots: Sequence[int], most: Mapping[str, float], pooled: float) -> Floats:
    """Returns a threshold for each of the named slots: right most often while rates differ by no more than is wished.

    For each lowest rate that any of the groups can have, each group takes the threshold that is right most often among
    those whose rates lie between that and as much above it as is accepted; the best of these is exact while there
    are no more distinct rates than are tried (512, 96 or 24 for one, two or three rates), and near it beyond. To
    decide no one positive meets any difference, so that there is always an answer. Ties go to what is nearest the
    pooled threshold.

    Args:
        rows: Calibration rows.
        slots: The groups, each with positives and negatives.
        most: How much each of the rates may differ.
        pooled: The threshold for all.

    References:
        Hardt, Price and Srebro (2016), Equality of opportunity in supervised learning, NeurIPS, without the drawing.

    Examples:
        >>> scores, targets = np.array([0.2, 0.4, 0.6, 0.6, 0.8, 0.9]), np.array([0, 1, 1, 0, 1, 1])
        >>> rows = ThresholdRows(scores, targets, np.array([0, 0, 0, 1, 1, 1]))
        >>> group_thresholds(rows, [0, 1], {"true_positive_rate": 0.0}, 0.5).round(2).tolist()
        [0.3, 0.7]
    """
    curves = [_curve(rows.scores[rows.slots == slot], rows.targets[rows.slots == slot]) for slot in slots]
    merits = [right - np.abs(at - pooled) / 1000 for at, right, _ in curves]  # the distances add up to less than a row
    corners = [_corners([rates[name] for _, _, rates in curves], len(most)) for name in most]
    lowest = np.stack([axis.ravel() for axis in np.meshgrid(*corners, indexing="ij")], axis=1)
    total, chosen = np.zeros(len(lowest)), np.zeros((len(lowest), len(slots)), dtype=np.int64)
    for place, ((_, _, rates), merit) in enumerate(zip(curves, merits, strict=True)):
        inside = np.ones((len(lowest), len(merit)), dtype=bool)
        for column, (name, width) in enumerate(most.items()):
            low = lowest[:, column, None]
            inside &= (rates[name] >= low - 1e-12) & (rates[name] <= low + width + 1e-12)
        held = np.where(inside, merit, -np.inf)
        chosen[:, place] = held.argmax(axis=1)
        total += held.max(axis=1)
    best = chosen[total.argmax()]
    return np.asarray([at[pick] for (at, _, _), pick in zip(curves, best, strict=True)], dtype=np.float64)


def _curve(scores: Floats, targets: NDArray[np.int64]) -> tuple[Floats, Floats, dict[str, Floats]]:
    """Returns (K,) thresholds, how many rows each gets right, and its rates; the last lets no row pass."""
    distinct = np.unique(scores)
    if len(distinct) >= _CANDIDATES:
        distinct = distinct[np.linspace(0, len(distinct) - 1, _CANDIDATES - 1).round().astype(int)]
    # Below every score, between neighbours, above every score: each way of telling the rows apart, once.
    at = np.concatenate([[distinct[0] / 2 - 1e-9], (distinct[:-1] + distinct[1:]) / 2, [(distinct[-1] + 1) / 2]])
    above = [
        len(part) - np.searchsorted(np.sort(part), at, side="right")
        for part in (scores[targets == 1], scores[targets == 0])
    ]
    found, false = (counts.astype(np.float64) for counts in above)
    positives, negatives = int((targets == 1).sum()), int((targets == 0).sum())
    rates = {
        "true_positive_rate": found / max(1, positives),
        "false_positive_rate": false / max(1, negatives),
        "selection_rate": (found + false) / max(1, positives + negatives),
    }
    return at, found + negatives - false, rates


def _corners(rates: Sequence[Floats], figures: int) -> Floats:
    """Returns the lowest rates to try: 0, where all can meet, among them."""
    values = np.unique(np.concatenate(rates))
    most = _CORNERS[figures]
    if len(values) > most:
        values = values[np.linspace(0, len(values) - 1, most).round().astype(int)]
    return values
