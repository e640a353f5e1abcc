"""What of a model the sequential tests watch, and in which bin an item falls for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fairlead.judgement import FEWEST_SHOWN
from fairlead.measures import GroupTally, Reference
from fairlead.monitoring.drift import Watched
from fairlead.monitoring.observation_reader import ObservedColumns

MOST_CLASSES = 50
"""Of more classes, the most frequent on the reference rows are watched one by one."""

IntArray = NDArray[np.int64]


class WatchedAnswers:
    """The scores of the reference, and each class against the rest; of two classes, the positive one.

    Args:
        reference: Of the bundle; None for one without.

    Examples:
        >>> WatchedAnswers(None).watched
        ()
    """

    def __init__(self, reference: Reference | None) -> None:
        # A score without edges has one bin, in which nothing can move.
        self.scores = (
            ()
            if reference is None
            else tuple(score for score in reference.scores if score.totals.any() and len(score.edges))
        )
        self.classes: tuple[int, ...] = ()
        watched = [Watched(score.name, score.family, score.totals) for score in self.scores]
        if reference is not None and reference.rows:
            decided = reference.decided.sum(axis=0)
            frequent = np.argsort(-decided, kind="stable")[:MOST_CLASSES].tolist()
            self.classes = (1,) if len(decided) == 2 else tuple(sorted(frequent))
            watched += [
                Watched(f"predicted.{reference.labels[code]}", "prediction", _either(decided.sum(), decided[code]))
                for code in self.classes
            ]
        self.watched = tuple(watched)

    def bins(self, columns: ObservedColumns) -> IntArray:
        """Returns (N, M) bins."""
        classes = columns.decided[:, None] == np.array(self.classes, dtype=np.int64)[None, :]
        return np.hstack([columns.bins, classes.astype(np.int64)])


class WatchedErrors:
    """Whether an answer was wrong: overall, and in each group that the reference has rows enough of.

    Args:
        reference: Of the bundle; None for one without.
        tallies: Of the watched features, on the reference rows.

    Examples:
        >>> WatchedErrors(None, ()).watched
        ()
    """

    def __init__(self, reference: Reference | None, tallies: Sequence[GroupTally]) -> None:
        self.cells: tuple[tuple[int, int], ...] = ()
        watched: list[Watched] = []
        if reference is not None and reference.decided[:-1].any():
            known = reference.decided[:-1]
            watched.append(Watched("error", "error", _either(known.sum(), known.sum() - np.trace(known))))
            for place, tally in enumerate(tallies):
                for slot, group in enumerate(tally.by.groups):
                    counts = tally.counts[slot, :-1]
                    if counts.sum() >= FEWEST_SHOWN:
                        wrong = counts.sum() - np.trace(counts)
                        watched.append(
                            Watched(f"error.{tally.by.feature}={group}", "error", _either(counts.sum(), wrong))
                        )
                        self.cells += ((place, slot),)
        self.watched = tuple(watched)

    def bins(self, wrong: NDArray[np.bool_], slots: IntArray) -> IntArray:
        """Returns (N, M) bins of (N,) items that were wrong or not, in their (N, F) slots."""
        bins = np.full((len(wrong), len(self.watched)), -1, dtype=np.int64)
        if self.watched:
            bins[:, 0] = wrong
            for column, (place, slot) in enumerate(self.cells, start=1):
                bins[:, column] = np.where(slots[:, place] == slot, wrong, -1)
        return bins


def _either(rows: np.int64, of_it: np.int64) -> IntArray:
    return np.array([rows - of_it, of_it], dtype=np.int64)
