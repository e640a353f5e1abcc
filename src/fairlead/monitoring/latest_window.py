"""What the latest items say: what moved, whether the classes' shares did, and how good the model still seems."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Estimate, MovedScore, PriorShift, QualityEstimate
from fairlead.measures import binomial_interval, moved_scores, prior_shift
from fairlead.measures.expected_performance import expected_performance
from fairlead.monitoring.watched import MOST_CLASSES
from fairlead.monitoring.watched_model import WatchedModel
from fairlead.monitoring.windows import Window

FEWEST = 100
"""Items from which anything is said of a window; what moved is tested on those that stand for their request."""

_LEVEL = 0.95


class LatestWindow:
    """The latest window beside the reference.

    Args:
        watched: The model.
        window: What was counted in it.
    """

    def __init__(self, watched: WatchedModel, window: Window) -> None:
        self.watched, self.window = watched, window

    def moved(self) -> tuple[tuple[MovedScore, ...], PriorShift | None]:
        """Returns what differs, the most significant first, and the classes' shares where they can be estimated."""
        reference, window = self.watched.reference, self.window
        if reference is None or window.leading < FEWEST or not reference.rows:
            return (), None
        scores = [score.name for score in self.watched.answers().scores]
        histograms = dict(zip(scores, window.histograms, strict=True))
        shift, explained = prior_shift(reference, histograms, window.decided)
        if shift is not None and not shift.fits:  # its shares are no explanation, so they explain no single score
            explained = {name: False for name, told in explained.items() if not told}
        return moved_scores(reference, histograms, window.decided, explained), shift

    def quality(self, *, raised: bool) -> tuple[QualityEstimate, ...]:
        """Returns figures estimated without labels, or why they are not.

        Args:
            raised: Whether an alarm of drift stands: the reference may cover the items no more.
        """
        reference = self.watched.reference
        if reference is None or not reference.decided[:-1].any():
            return ()
        withheld = self._withheld(raised=raised)
        window = self.window
        estimates = (
            {} if withheld else expected_performance(reference, window.expected, window.squares, window.answered)
        )
        quality = []
        both = zip(self._figures(reference.decided[:-1]), self._figures(self.window.labelled), strict=True)
        for (figure, right, rows), (_, told_right, told) in both:
            estimate = estimates.get(figure)
            reason = "" if estimate else withheld or "too few items or reference rows of the class"
            before = right / rows if rows else None
            quality.append(QualityEstimate(figure, estimate, before, reason, _rate(told_right, told)))
        return tuple(quality)

    def _withheld(self, *, raised: bool) -> str:
        if raised:
            return "an alarm of drift stands, and the reference may no longer cover what comes in; send labels back"
        if self.window.items < FEWEST:
            return f"the window holds {self.window.items} items, and nothing is said of fewer than {FEWEST}; wait"
        return ""

    def _figures(self, confusion: NDArray[np.int64]) -> Iterator[tuple[str, int, int]]:
        """Yields each figure's name, numerator and denominator, of a (C, C) confusion by truth and decision."""
        right = np.diag(confusion)
        yield "accuracy", int(right.sum()), int(confusion.sum())
        if len(right) <= MOST_CLASSES:
            for code, label in enumerate(self.watched.labels):
                yield f"recall.{label}", int(right[code]), int(confusion[code].sum())
                yield f"precision.{label}", int(right[code]), int(confusion[:, code].sum())


def _rate(right: int, rows: int) -> Estimate | None:
    if not rows:
        return None
    low, high = binomial_interval(right, rows, _LEVEL)
    return Estimate(right / rows, float(low), float(high), _LEVEL, rows, "exact binomial (Clopper-Pearson)")
