"""How often answers are probably right, before anyone has said so."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.evidence import Estimate
from fairlead.measures.reference import Reference
from fairlead.measures.special import stdtrit

FEWEST_REFERENCE, FEWEST_WINDOW = 30, 10
"""Rows of a figure's own denominator, of the reference and of a window, from which it is estimated."""

_LEVEL = 0.95
_METHOD = (
    "calibrated probabilities (CBPE), corrected by their gap on the reference; the band is for what the figure will "
    "turn out to be on these very items"
)
FloatArray = NDArray[np.float64]


def expected_accuracy(expected: FloatArray) -> float:
    """Returns the mean probability of the class decided for: CBPE's accuracy, without a correction.

    Args:
        expected: (C, C) sum of probabilities over items, by class decided for and true class.

    Raises:
        DataError: no items.

    Examples:
        >>> expected_accuracy(np.array([[9.0, 1.0], [2.0, 8.0]]))
        0.85
    """
    items = float(expected.sum())
    if not items > 0:
        raise DataError("no items, so no accuracy is expected of them; wait for some")
    return float(np.trace(expected)) / items


def expected_performance(
    reference: Reference, expected: FloatArray, squares: FloatArray, decided: NDArray[np.int64]
) -> dict[str, Estimate]:
    """Estimates accuracy, and recall and precision of each class, of items whose truth is not known.

    Calibrated probabilities say how often answers are right as long as truth depends on the input as it did (Guillory
    et al. 2021; NannyML calls it CBPE). Those of a finite reference are not exact: by how much more or less often its
    answers were right than expected is added, and how sure that is stands in the band, beside the window's own chance.

    A band covers what the figure turns out to be on these very items once all their labels have come, with a chance
    of 95 %; it says nothing of the rate in the long run. It is Student's prediction interval of a mean. The window's
    single answers are taken to lie as far from what was expected of them as its probabilities say, or as those of the
    reference did, whichever is more: a model too sure of itself would make its own band too narrow. Recall is a ratio
    of two sums neither of which is known, and is linearised; of more than two classes its band takes the most that the
    sums allow, and is somewhat wide.

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
        >>> rows, sums = np.array([[90, 10], [20, 80], [0, 0]]), np.array([[99.0, 11.0], [9.0, 81.0]])
        >>> known = Reference(Labels(("no", "yes")), (), rows, sums, np.array([9.0, 8.0]))
        >>> window = np.array([[45.0, 5.0], [5.0, 45.0]]), np.array([4.5, 4.5]), np.array([50, 50])
        >>> found = expected_performance(known, *window)
        >>> str(found["accuracy"]), sorted(found)[:2]
        ('0.850 [0.778, 0.922]', ['accuracy', 'precision.no'])
    """
    known = reference.decided[:-1]
    here = _Probabilities(expected, squares, decided)
    then = _Probabilities(reference.expected, reference.squares, known.sum(axis=0))
    right, true_then = np.diag(known), known.sum(axis=1)
    every = slice(None)
    window, before = here.answers(every), then.answers(every)
    found = {"accuracy": _figure(window, before, float(right.sum() - np.trace(reference.expected)))}
    for code, label in enumerate(reference.labels):
        window, before = here.answers([code]), then.answers([code])
        found[f"precision.{label}"] = _figure(window, before, float(right[code] - reference.expected[code, code]))
        never = not reference.expected[:, code].any()  # what was never expected has no gap to correct by
        if never or expected[:, code].sum() < FEWEST_WINDOW or true_then[code] < FEWEST_REFERENCE:
            continue
        window, before = here.truths(code), then.truths(code)
        gap = right[code] / true_then[code] - before.value
        before = before._replace(rows=float(true_then[code]))
        found[f"recall.{label}"] = _figure(window, before, float(gap * true_then[code]))
    return {name: estimate for name, estimate in found.items() if estimate is not None}


class _Expected(NamedTuple):
    """What probabilities expect of a figure: its value, its denominator, and the variance of one row of that."""

    value: float
    rows: float
    variance: float


class _Probabilities(NamedTuple):
    """Sums over items, as of ``expected_performance``."""

    expected: FloatArray
    squares: FloatArray
    decided: NDArray[np.int64]

    def answers(self, chosen: slice | list[int]) -> _Expected:
        """Returns the share that is right of the answers with the chosen classes."""
        rows = float(self.decided[chosen].sum())
        right = float(np.diag(self.expected)[chosen].sum())
        # A quarter more, as of one row as open as a coin: no spread is taken for none.
        return _Expected(right / max(rows, 1.0), rows, (float(self.squares[chosen].sum()) + 0.25) / (rows + 1))

    def truths(self, code: int) -> _Expected:
        """Returns the share that is right of the items that are truly of a class.

        With N of the D items of the class right and R = N / D, the error of R is, to the first order, the sum of
        (1 - R) (right - p) over the items decided for it, and of -R (is it - p) over the others, over D.
        """
        column, items = self.expected[:, code], float(self.expected[:, code].sum())
        value = float(column[code]) / items
        others = np.arange(len(column)) != code
        if len(column) == 2:
            missed = float(self.squares[others].sum())  # of the one other class, 1 - p has the variance of p
        else:
            mean = column[others] / np.maximum(self.decided[others], 1)
            missed = float((column[others] * (1 - np.minimum(mean, 1.0))).sum())  # p (1 - p) is concave (Jensen)
        spread = (1 - value) ** 2 * float(self.squares[code]) + value**2 * missed
        return _Expected(value, items, (spread + 0.25) / (items + 1))


def _figure(here: _Expected, then: _Expected, gap: float) -> Estimate | None:
    """Corrects a figure by the gap, summed over the reference, and gives it its band."""
    if then.rows < FEWEST_REFERENCE or here.rows < FEWEST_WINDOW:
        return None
    value = float(np.clip(here.value + gap / then.rows, 0.0, 1.0))
    variance = max(here.variance, then.variance) / here.rows + then.variance / then.rows
    half = float(stdtrit(then.rows - 1, (1 + _LEVEL) / 2)) * float(np.sqrt(variance))
    ends = max(0.0, value - half), min(1.0, value + half)
    return Estimate(value, *ends, _LEVEL, max(1, round(here.rows)), _METHOD)
