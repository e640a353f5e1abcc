"""Whether other shares of the classes explain a window of items."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import PriorShift
from fairlead.measures.reference import Reference, ScoreReference
from fairlead.measures.special import gammaincc
from fairlead.measures.window_shift import checked_counts, fisher, holm

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEVEL = 0.05
_FEWEST_ROWS = 10  # of a class: fewer do not say what is decided for it
_LEAST_TOLD = 0.1  # least singular value of the confusion: below it classes are too alike to tell their shares
_STEPS = 5000
_STILL = 1e-10


def prior_shift(
    reference: Reference, window: Mapping[str, IntArray], decided: IntArray
) -> tuple[PriorShift | None, dict[str, bool]]:
    """Estimates the shares of the true classes in a window, and tests whether they explain all its scores.

    If only the shares of the classes changed, each class is decided for, and scores, as on the reference. The shares
    are then those, by maximum likelihood, whose mixture of the reference's rows gives the decided classes; and each
    score's histogram is the same mixture of its histograms by class. What is left over is tested (Cramer-von Mises),
    allowing for the finite window, the finite reference and the shares being estimated; score and decided class are
    taken as independent within a true class. P-values are adjusted over the scores (Holm).

    Args:
        reference: What was counted on the reference rows; those of unknown truth are not used.
        window: By name of a score (B,) counts of the window.
        decided: (C,) items of the window by class decided for.

    Returns:
        The shares, None where they cannot be told: a class with under 10 reference rows, classes confused too much, no
        items. And by name, whether the shares explain the score.

    Raises:
        DataError: counts of another shape than the reference's.

    References:
        Saerens, Latinne and Decaestecker (2002), Adjusting the outputs of a classifier to new a priori probabilities,
        Neural Computation 14. Lipton, Wang and Smola (2018), Detecting and correcting for label shift with black box
        predictors, ICML. Anderson (1962), On the distribution of the two-sample Cramer-von Mises criterion, Annals of
        Mathematical Statistics 33. Buckley and Eagleson (1988), An approximation to the distribution of quadratic
        forms in normal random variables, Australian Journal of Statistics 30.

    Examples:
        >>> from fairlead.records import Labels
        >>> score = ScoreReference("input.size", "input", np.array([1.0]), np.array([[90, 10], [10, 90], [0, 0]]))
        >>> asked = np.array([[90, 10], [10, 90], [0, 0]]), np.zeros((2, 2)), np.zeros(2)
        >>> reference = Reference(Labels(("cat", "dog")), (score,), *asked)
        >>> shift, explained = prior_shift(reference, {"input.size": np.array([100, 300])}, np.array([100, 300]))
        >>> {name: round(share, 2) for name, share in shift.window.items()}, shift.fits, explained
        ({'cat': 0.19, 'dog': 0.81}, True, {'input.size': True})
    """
    names = tuple(reference.labels)
    decided = checked_counts(decided, (len(names),), "the decided classes")
    known = reference.decided[: len(names)]
    rows = known.sum(axis=1)
    if not decided.sum() or (rows < _FEWEST_ROWS).any():
        return None, {}
    confusion = known / rows[:, None]
    if np.linalg.svd(confusion, compute_uv=False)[-1] < _LEAST_TOLD:
        return None, {}
    shares = _shares(confusion, decided, rows / rows.sum())
    tested = {}
    for score in reference.scores:
        if score.name in window:
            counts = checked_counts(window[score.name], score.totals.shape, score.name)
            if counts.sum() and (score.counts[: len(names)].sum(axis=1) > 0).all():
                tested[score.name] = _left_over(score, counts, shares, confusion, rows)
    adjusted = dict(zip(tested, holm(np.array(list(tested.values()))), strict=True))
    least = float(min(adjusted.values(), default=1.0))
    fits = bool(adjusted) and least >= LEVEL and _differ(known.sum(axis=0), decided)
    before = dict(zip(names, (rows / rows.sum()).tolist(), strict=True))
    now = dict(zip(names, shares.tolist(), strict=True))
    return PriorShift(before, now, fits, least), {name: bool(chance >= LEVEL) for name, chance in adjusted.items()}


def _shares(confusion: FloatArray, decided: IntArray, start: FloatArray) -> FloatArray:
    """Returns (C,) the shares of the true classes under which the decided classes are likeliest (EM)."""
    shares, seen = start, decided / decided.sum()
    for _ in range(_STEPS):
        mixture = shares @ confusion
        # Decided classes that no reference row was decided for tell nothing of the shares.
        ratio = np.divide(seen, mixture, out=np.zeros_like(mixture), where=mixture > 0)
        better = shares * (confusion @ ratio)
        better /= better.sum() or 1.0
        if np.abs(better - shares).max() < _STILL:
            return np.asarray(better, dtype=np.float64)
        shares = better
    return np.asarray(shares, dtype=np.float64)


def _differ(before: IntArray, now: IntArray) -> bool:
    """Returns whether the shares of decided classes differ significantly (Holm)."""
    rows, items = int(before.sum()), int(now.sum())
    chances = [fisher(int(one), rows, int(two), items) for one, two in zip(before, now, strict=True)]
    return bool(holm(np.array(chances)).min() < LEVEL)


def _left_over(
    score: ScoreReference, counts: IntArray, shares: FloatArray, confusion: FloatArray, decided_rows: IntArray
) -> float:
    """Returns the p-value that a score's histogram is the mixture of those by class.

    An item adds to what is left over its own bin less what the classes decided for it foretell of bins; within a true
    class this has mean 0, so that the variances of window and reference simply add, weighted by the shares.
    """
    by_class, items = score.counts[: len(shares)], counts.sum()
    rows = by_class.sum(axis=1)
    bins = by_class / rows[:, None]
    foretold = np.linalg.lstsq(confusion, bins, rcond=None)[0]  # (C, B) bins by decided class
    spread = _spread((shares / items + shares**2 / rows) * _whole(rows), bins)
    told = _spread((shares / items + shares**2 / decided_rows) * _whole(decided_rows), confusion)
    spread += foretold.T @ told @ foretold
    rest = (counts / items - shares @ bins).cumsum()[:-1]  # a difference of distribution functions; the last is 0
    return _chance_of_squares(float(rest @ rest), spread.cumsum(axis=0).cumsum(axis=1)[:-1, :-1])


def _whole(rows: IntArray) -> FloatArray:
    """Returns (C,) what makes a variance about the mean of so many rows one about the true mean."""
    return np.asarray(rows / np.maximum(rows - 1, 1), dtype=np.float64)


def _chance_of_squares(total: float, spread: FloatArray) -> float:
    """Returns the chance that a normal vector of this covariance has a sum of squares beyond ``total``.

    By a chi-squared law of the same mean, variance and skewness.
    """
    moments = [float(np.trace(np.linalg.matrix_power(spread, power))) for power in (1, 2, 3)]
    if moments[2] <= 0:
        return float(total <= _STILL)
    freedom = moments[1] ** 3 / moments[2] ** 2
    matched = freedom + (total - moments[0]) * np.sqrt(freedom / moments[1])
    return float(gammaincc(freedom / 2, max(matched, 0.0) / 2))


def _spread(weight: FloatArray, chances: FloatArray) -> FloatArray:
    """Returns the weighted sum of the covariances of one draw from each row of (C, K) chances."""
    return np.asarray(np.diag(weight @ chances) - (chances.T * weight) @ chances, dtype=np.float64)
