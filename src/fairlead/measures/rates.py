"""Accuracy, recall, precision and F1, from confusion counts alone.

Every macro figure is the unweighted mean over the classes that occur among the targets. Where all C occur, that
is scikit-learn's default; where one does not, it is ``labels=np.unique(targets)`` there. A class without rows
has no recall, and counting it as 0, as scikit-learn does once the class is predicted, would charge the model
for the split.
"""

from __future__ import annotations

from fairlead.evidence import Estimate
from fairlead.measures.confusion import ConfusionCounts
from fairlead.measures.intervals import FloatArray, binomial_interval, macro_interval


def accuracy(confusion: ConfusionCounts, level: float = 0.95) -> Estimate | None:
    """The share of rows that are right, with the exact binomial interval; None without rows.

    Examples:
        >>> import numpy as np
        >>> str(accuracy(ConfusionCounts(np.array([[2, 0], [0, 1]]))))
        '1.000 [0.292, 1.000]'
    """
    rows = confusion.rows
    if not rows:
        return None
    right = int(confusion.right.sum())
    low, high = binomial_interval(right, rows, level)
    return Estimate(right / rows, float(low), float(high), level, rows, "exact binomial (Clopper-Pearson)")


def macro_recall(confusion: ConfusionCounts, level: float = 0.95) -> Estimate | None:
    """The mean over the occurring classes of the share of their rows that are right; None without rows.

    This is balanced accuracy. The classes' recalls are independent binomials, given the rows of each.

    Examples:
        >>> import numpy as np
        >>> str(macro_recall(ConfusionCounts(np.array([[9, 1], [0, 10]]))))
        '0.950 [0.719, 0.999]'
    """
    if not confusion.rows:
        return None
    occurring = confusion.occurring
    right, rows = confusion.right[occurring], confusion.true[occurring]
    low, high = binomial_interval(right, rows, level)
    value = right / rows
    ends = macro_interval(value, low, high, pooled_rows(1 / rows), level=level)
    return Estimate(
        float(value.mean()),
        *ends,
        level,
        confusion.rows,
        "per-class exact binomials, squared and added, with exact binomial on effective rows",
    )


def macro_precision(confusion: ConfusionCounts, level: float = 0.95) -> Estimate | None:
    """The mean over the occurring classes of the share of their predictions that are right; None without rows.

    A class that was never predicted counts as 0, as in scikit-learn with ``zero_division=0``. Its precision is
    not known at all, so the interval takes it as anything from 0 to 1.

    Examples:
        >>> import numpy as np
        >>> str(macro_precision(ConfusionCounts(np.array([[10, 0], [1, 9]]))))
        '0.955 [0.722, 0.999]'
        >>> str(macro_precision(ConfusionCounts(np.array([[10, 0], [10, 0]]))))
        '0.250 [0.136, 0.864]'
    """
    if not confusion.rows:
        return None
    right, rows = confusion.right[confusion.occurring], confusion.predicted[confusion.occurring]
    seen = rows > 0
    known, unknown = float(seen.mean()), float((~seen).mean())
    value, ends = 0.0, (0.0, 1.0)
    if seen.any():
        low, high = binomial_interval(right[seen], rows[seen], level)
        precision = right[seen] / rows[seen]
        value = known * float(precision.mean())
        ends = macro_interval(precision, low, high, pooled_rows(1 / rows[seen]), level=level)
    return Estimate(
        value,
        min(value, known * ends[0]),
        max(value, known * ends[1] + unknown),
        level,
        confusion.rows,
        "per-class exact binomials, squared and added, with exact binomial on effective rows",
    )


def macro_f1(confusion: ConfusionCounts, level: float = 0.95) -> Estimate | None:
    """The mean over the occurring classes of the harmonic mean of precision and recall; None without rows.

    Of the rows that are truly *or* supposedly of a class, those that are both are binomial with the Jaccard index
    J as their rate, and F1 = 2 J / (1 + J) rises with J: a class's interval is exact. A wrong row counts against
    two classes, which correlates them; the square-and-add method is widened for it.

    Examples:
        >>> import numpy as np
        >>> str(macro_f1(ConfusionCounts(np.array([[9, 1], [0, 10]]))))
        '0.950 [0.727, 0.999]'
    """
    if not confusion.rows:
        return None
    occurring = confusion.occurring
    right = confusion.right[occurring]
    either = (confusion.true + confusion.predicted)[occurring] - right
    low, high = (_f1(jaccard) for jaccard in binomial_interval(right, either, level))
    value = _f1(right / either)
    effective = pooled_rows(1 / confusion.true[occurring])
    ends = macro_interval(value, low, high, effective, level=level, overlap=2.0)
    return Estimate(
        float(value.mean()),
        *ends,
        level,
        confusion.rows,
        "per-class exact binomials of the Jaccard index, squared and added, with exact binomial on effective rows",
    )


def pooled_rows(reciprocals: FloatArray) -> float:
    """The rows of a plain sample that know a mean of K rates as well, from one over the rows of each (K,).

    Examples:
        >>> import numpy as np
        >>> float(pooled_rows(1 / np.array([10, 10]))), round(float(pooled_rows(1 / np.array([1, 19]))), 1)
        (20.0, 3.8)
    """
    return float(len(reciprocals) ** 2 / reciprocals.sum())


def _f1(jaccard: FloatArray) -> FloatArray:
    return 2 * jaccard / (1 + jaccard)
