"""The area under the ROC curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Estimate
from fairlead.measures.intervals import FloatArray, binomial_interval, macro_interval
from fairlead.measures.rates import pooled_rows

# Rows of the smaller side at which the measured spread and its upper bound weigh the same: the fewest at which
# intervals for a rare class of two halves, easy and hopeless, were seen to cover.
_PRIOR_ROWS = 10.0


@dataclass(frozen=True, eq=False)
class _Curve:
    """One class against the rest: its area, one over its effective rows, and each row's share in its error (N,)."""

    area: float
    reciprocal: float
    influence: FloatArray


def macro_auroc(probabilities: FloatArray, targets: NDArray[np.int64], level: float = 0.95) -> Estimate | None:
    """The chance that a row of a class scores higher for it than a row of another, ties half.

    Of two classes, the area of the second; of more, the mean over the classes that occur of one against the
    rest. Equals scikit-learn's ``roc_auc_score`` (``multi_class="ovr", average="macro"``) where all classes occur.

    The interval is that of a rate on effective rows. Its variance is at least the Hanley-McNeil one, so that
    an area of 1 still has an interval, at most A (1 - A) / min(m, n) for m positive and n negative rows (Birnbaum
    and Klose), and in between that of DeLong, weighed against the upper bound as if it had been seen on ten rows.

    Args:
        probabilities: (N, C).
        targets: (N,) codes from 0 to C - 1; no -1.
        level: Coverage aimed at.

    Returns:
        The estimate, or None where fewer than two classes occur.

    References:
        Birnbaum and Klose (1957), Bounds for the variance of the Mann-Whitney statistic, Annals of Mathematical
        Statistics 28. Hanley and McNeil (1982), Radiology 143. DeLong, DeLong and Clarke-Pearson (1988),
        Biometrics 44. Newcombe (2006), Statistics in Medicine 25, method 5, for the variance away from the data.

    Examples:
        >>> scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
        >>> str(macro_auroc(scores, np.array([0, 0, 1, 1])))
        '1.000 [0.171, 1.000]'
    """
    rows, classes = probabilities.shape
    chosen = [1] if classes == 2 else list(range(classes))
    curves = [
        _curve(probabilities[:, code], targets == code)
        for code in chosen
        if 0 < np.count_nonzero(targets == code) < rows
    ]
    if not curves:
        return None
    areas = np.array([curve.area for curve in curves])
    reciprocals = np.array([curve.reciprocal for curve in curves])
    low, high = binomial_interval(areas / reciprocals, 1 / reciprocals, level)
    # Rows are shared between the curves; where that makes the mean less sure than independent curves, obey it.
    value = float(areas.mean())
    variance = float(np.square(np.sum([curve.influence for curve in curves], axis=0) / len(curves)).sum())
    effective = pooled_rows(reciprocals)
    if variance > 0:
        effective = min(effective, max(1.0, value * (1 - value) / variance))
    ends = macro_interval(areas, low, high, effective, level=level)
    method = "exact binomial on effective rows (Hanley-McNeil, DeLong and Birnbaum-Klose variances)"
    return Estimate(value, *ends, level, rows, method)


def _curve(scores: FloatArray, positive: NDArray[np.bool_]) -> _Curve:
    """Measures one class against the rest from (N,) scores and (N,) membership; both sides have rows."""
    above, below = scores[positive], scores[~positive]
    m, n = len(above), len(below)
    beats = _share_below(np.sort(below), above)
    beaten = 1 - _share_below(np.sort(above), below)
    area = float(beats.mean())
    influence = np.empty(len(scores))
    influence[positive] = (beats - area) / m
    influence[~positive] = (beaten - area) / n
    most = 1 / min(m, n)
    exponential = 1 + ((m + n) / 2 - 1) * ((1 - area) / (2 - area) + area / (1 + area))
    measured = exponential / (m * n)
    spread = area * (1 - area)
    if spread > 0:
        delong = float(beats.var() / max(m - 1, 1) + beaten.var() / max(n - 1, 1))
        measured = max(measured, delong / spread)
    weight = _PRIOR_ROWS / (_PRIOR_ROWS + min(m, n))
    return _Curve(area, min(most, (1 - weight) * measured + weight * most), influence)


def _share_below(ordered: FloatArray, values: FloatArray) -> FloatArray:
    """Returns for each value the share of ``ordered`` below it, ties half."""
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((left + right) / (2 * len(ordered)), dtype=np.float64)
