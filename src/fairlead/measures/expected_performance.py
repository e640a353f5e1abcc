"""How often answers are probably right, before anyone has said so."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Estimate
from fairlead.measures.reference import Reference
from fairlead.measures.special import stdtrit

FEWEST_REFERENCE, FEWEST_WINDOW = 30, 10
"""Rows of a figure's own denominator, of the reference and of a window, from which it is estimated."""

_LEVEL = 0.95
_METHOD = (
    "calibrated probabilities (CBPE), corrected by their gap on the reference; the band is for what these very items "
    "will turn out to be"
)
FloatArray = NDArray[np.float64]


def expected_accuracy(expected: FloatArray) -> float:
    """Returns the mean probability of the class decided for: CBPE's accuracy, without a correction.

    Args:
        expected: (C, C) sum of probabilities over items, by class decided for and true class.

    Examples:
        >>> expected_accuracy(np.array([[9.0, 1.0], [2.0, 8.0]]))
        0.85
    """
    return float(np.trace(expected) / expected.sum())


def expected_performance(
    reference: Reference, expected: FloatArray, squares: FloatArray, decided: NDArray[np.int64]
) -> dict[str, Estimate]:
    """Estimates accuracy, and recall and precision of each class, of items whose truth is not known.

    Calibrated probabilities say how often answers are right as long as truth depends on the input as it did (Guillory
    et al. 2021; NannyML calls it CBPE). Those of a finite reference are not exact: by how much more or less often its
    answers were right than expected is added, and how sure that is stands in the band, beside the window's own chance.

    A band covers what the figure turns out to be on these very items once all their labels have come, with a chance
    of 95 %. Of accuracy and precision it is a prediction interval of a mean; that of recall, a ratio of two sums of
    which neither is known, takes the larger variance of a share of rows of the class, and is wide.

    Args:
        reference: The held-out rows, whose truth is known.
        expected: (C, C) sum of probabilities over the items, by class decided for and true class.
        squares: (C,) sum of p (1 - p) over the items by class decided for, p the probability of that class.
        decided: (C,) items by class decided for.

    Returns:
        Estimates by name: ``"accuracy"``, ``"recall.<class>"``, ``"precision.<class>"``; what has fewer than 30 rows of
        its denominator on the reference, or fewer than 10 in the window, is left out.

    References:
        Guillory, Shankar, Ebrahimi, Darrell and Schmidt (2021), Predicting with confidence on unseen distributions,
        ICCV.

    Examples:
        >>> from fairlead.records import Labels
        >>> decided, expected = np.array([[90, 10], [20, 80], [0, 0]]), np.array([[99.0, 11.0], [9.0, 81.0]])
        >>> known = Reference(Labels(("no", "yes")), (), decided, expected, np.array([9.0, 8.0]))
        >>> window = np.array([[45.0, 5.0], [5.0, 45.0]]), np.array([4.5, 4.5]), np.array([50, 50])
        >>> found = expected_performance(known, *window)
        >>> str(found["accuracy"]), sorted(found)[:2]
        ('0.850 [0.778, 0.922]', ['accuracy', 'precision.no'])
    """
    right, hoped = np.diag(reference.decided[:-1]), np.diag(reference.expected)
    whole = _Sums(expected.trace(), squares.sum(), decided.sum())
    known = _Sums(hoped.sum(), reference.squares.sum(), reference.decided[:-1].sum())
    found = {"accuracy": _mean(whole, known, right.sum())}
    true_then, true_now = reference.expected.sum(axis=0), expected.sum(axis=0)
    rows, truth = reference.decided[:-1].sum(axis=0), reference.decided[:-1].sum(axis=1)
    for code, label in enumerate(reference.labels):
        here = _Sums(expected[code, code], squares[code], decided[code])
        then = _Sums(hoped[code], reference.squares[code], rows[code])
        found[f"precision.{label}"] = _mean(here, then, right[code])
        if true_then[code] > 0 and truth[code] >= FEWEST_REFERENCE and true_now[code] >= FEWEST_WINDOW:
            gap = right[code] / truth[code] - hoped[code] / true_then[code]
            value = expected[code, code] / true_now[code] + gap
            found[f"recall.{label}"] = _recall(value, float(true_now[code]), float(truth[code]))
    return {name: estimate for name, estimate in found.items() if estimate is not None}


class _Sums(NamedTuple):
    """Sums over the rows of one denominator: of probabilities, of squares, of rows."""

    hoped: float
    squares: float
    rows: float


def _mean(here: _Sums, then: _Sums, right: int) -> Estimate | None:
    if then.rows < FEWEST_REFERENCE or here.rows < FEWEST_WINDOW:
        return None
    gap = (right - then.hoped) / then.rows
    # A quarter more, as of one row as open as a coin: no spread is taken for none.
    spread = (here.squares + 0.25) / (here.rows + 1), (then.squares + 0.25) / (then.rows + 1) - gap**2
    variance = spread[0] / here.rows + max(spread[1], 0.25 / (then.rows + 1)) / then.rows
    return _estimate(here.hoped / here.rows + gap, variance, here.rows, then.rows)


def _recall(value: float, rows: float, known: float) -> Estimate:
    share = (float(np.clip(value, 0.0, 1.0)) * rows + 0.5) / (rows + 1)
    return _estimate(value, share * (1 - share) * (1 / rows + 1 / known), rows, known)


def _estimate(value: float, variance: float, rows: float, known: float) -> Estimate:
    value = float(np.clip(value, 0.0, 1.0))
    half = float(stdtrit(known - 1, (1 + _LEVEL) / 2) * np.sqrt(variance))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), _LEVEL, max(1, round(rows)), _METHOD)
