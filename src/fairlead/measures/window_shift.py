"""Which score or class of a window of items differs from the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.evidence import MovedScore
from fairlead.measures.reference import Reference
from fairlead.measures.special import gammaln, kolmogorov

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def moved_scores(
    reference: Reference,
    window: Mapping[str, IntArray],
    decided: IntArray,
    explained: Mapping[str, bool] | None = None,
) -> tuple[MovedScore, ...]:
    """Compares a window with the reference, score by score and class by class.

    Scores by the two-sample test of Kolmogorov and Smirnov with its limit law, which on binned values errs on the safe
    side; shares of the classes decided for by Fisher's exact test. P-values are adjusted for all that is compared
    (Holm), so that with a chance of 95 % nothing below 0.05 is named where nothing moved.

    Args:
        reference: What was counted on the reference rows.
        window: By name of a score (B,) counts of the window; a score that is not given is not compared.
        decided: (C,) items of the window by class decided for.
        explained: By name, whether a shift of the classes' shares explains it; see ``prior_shift``.

    Returns:
        The most significant first; of two classes only the second is named, as the first mirrors it.

    Raises:
        DataError: counts of another shape than the reference's.

    References:
        Smirnov (1948), Table for estimating the goodness of fit of empirical distributions, Annals of Mathematical
        Statistics 19. Fisher (1935), The logic of inductive inference. Holm (1979), A simple sequentially rejective
        multiple test procedure, Scandinavian Journal of Statistics 6.

    Examples:
        >>> from fairlead.measures import ScoreReference
        >>> from fairlead.records import Labels
        >>> score = ScoreReference("confidence", "confidence", np.array([0.6, 0.8]), np.array([[90, 60, 50]] * 3))
        >>> asked = np.array([[300, 0], [0, 300], [0, 0]]), np.zeros((2, 2)), np.zeros(2)
        >>> reference = Reference(Labels(("cat", "dog")), (score,), *asked)
        >>> moved = moved_scores(reference, {"confidence": np.array([200, 50, 50])}, np.array([148, 152]))
        >>> [(score.name, score.p_value < 0.001, round(score.distance, 2)) for score in moved]
        [('confidence', True, 0.22), ('predicted.dog', False, 0.01)]
    """
    moved = []
    for score in reference.scores:
        counts = window.get(score.name)
        if counts is None:
            continue
        counts = checked_counts(counts, score.totals.shape, score.name)
        if counts.sum() and score.totals.sum():
            distance, chance = _smirnov(score.totals, counts)
            before, now = _median(score.totals, score.edges), _median(counts, score.edges)
            known = None if explained is None else explained.get(score.name)
            moved.append(MovedScore(score.name, chance, before, now, distance, known))
    moved.extend(_moved_classes(reference, checked_counts(decided, (len(reference.labels),), "the decided classes")))
    adjusted = holm(np.array([score.p_value for score in moved]))
    named = [_with_p_value(score, float(chance)) for score, chance in zip(moved, adjusted, strict=True)]
    return tuple(sorted(named, key=lambda score: (score.p_value, -abs(score.distance))))


def checked_counts(counts: NDArray[Any], shape: tuple[int, ...], name: str) -> IntArray:
    """Returns counts as integers.

    Raises:
        DataError: another shape, or numbers that count nothing.
    """
    counts = np.asarray(counts)
    if counts.shape != shape or counts.dtype.kind not in "iu" or (counts < 0).any():
        raise DataError(
            f"the counts of {name} are {counts.shape}, not {shape} integers from 0 up; bin as the reference"
        )
    return counts.astype(np.int64)


def holm(p_values: FloatArray) -> FloatArray:
    """Returns (K,) p-values adjusted for all K together (Holm)."""
    order = np.argsort(p_values, kind="stable")
    steps = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def _with_p_value(score: MovedScore, p_value: float) -> MovedScore:
    return MovedScore(score.name, p_value, score.reference, score.window, score.distance, score.explained)


def _moved_classes(reference: Reference, decided: IntArray) -> list[MovedScore]:
    before = reference.decided.sum(axis=0)
    rows, items = int(before.sum()), int(decided.sum())
    if not rows or not items:
        return []
    names = tuple(reference.labels)
    return [
        MovedScore(
            f"predicted.{names[place]}",
            fisher(int(before[place]), rows, int(decided[place]), items),
            before[place] / rows,
            decided[place] / items,
            float(decided[place] / items - before[place] / rows),
        )
        for place in range(1 if len(names) == 2 else 0, len(names))
    ]


def fisher(first: int, first_rows: int, second: int, second_rows: int) -> float:
    """Returns Fisher's exact two-sided p-value that two rates are the same."""
    successes = first + second
    values = np.arange(max(0, successes - second_rows), min(successes, first_rows) + 1)
    others = successes - values
    chances = -(gammaln(values + 1) + gammaln(first_rows - values + 1))
    chances -= gammaln(others + 1) + gammaln(second_rows - others + 1)
    chances = np.exp(chances - chances.max())
    seen = chances[first - values[0]] * (1 + 1e-7)  # what is as likely as what was seen, but for rounding
    return float(min(1.0, chances[chances <= seen].sum() / chances.sum()))


def _smirnov(before: IntArray, now: IntArray) -> tuple[float, float]:
    rows, items = before.sum(), now.sum()
    distance = float(np.abs(before.cumsum() / rows - now.cumsum() / items).max())
    return distance, float(kolmogorov(distance * np.sqrt(rows * items / (rows + items))))


def _median(counts: IntArray, edges: FloatArray) -> float:
    """Returns the median, straight within a bin; in an outermost one, which is open, its edge."""
    if not len(edges):
        return float("nan")
    half = counts.sum() / 2
    place = int(np.searchsorted(counts.cumsum(), half))
    if place in (0, len(edges)):
        return float(edges[0 if place == 0 else -1])
    within = (half - counts[:place].sum()) / counts[place]
    return float(edges[place - 1] + within * (edges[place] - edges[place - 1]))
