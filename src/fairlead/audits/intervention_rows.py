"""What became of the answers for each row that was intervened on, over any number of batches and processes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fairlead.errors import DataError, UnknownNameError
from fairlead.measures import EVERY_ROW, FeatureGroups, InterventionTally
from fairlead.preprocessing import Text
from fairlead.records import Flip, Labels, Predictions, SensitiveFeature


@dataclass(frozen=True, eq=False)
class PairedRows:
    """N rows that have a subject, of each what it counts for and no more.

    A tally alone would not do: a sampler that pads gives two processes the same row.

    Attributes:
        index: (N,) each row's number, int64.
        cells: (N, 3 + K) true class (-1 where unknown), classes answered before and after, and slot in each of K
            tallies, int32.
    """

    index: NDArray[np.int64]
    cells: NDArray[np.int32]

    @classmethod
    def joined(cls, parts: Sequence[PairedRows]) -> PairedRows:
        """Joins parts; of a row that several hold, one is kept, the same one in whatever order they come."""
        index = np.concatenate([part.index for part in parts])
        cells = np.concatenate([part.cells for part in parts])
        order = np.lexsort((*cells.T, index))
        first = order[np.unique(index[order], return_index=True)[1]]
        return cls(index[first], cells[first])


class InterventionRows:
    """Counts what one intervention did to the answers, by several features at once, and keeps the worst flips.

    Args:
        subject: What is masked or swapped.
        labels: The C classes.
        sensitive: The declared features.
        asked: Names of features, one or several to be crossed, for each of K tallies.
        flips: How many flips are kept: those in which the answered class lost most of its probability.

    Raises:
        UnknownNameError: a feature that is not declared.
        DataError: an intersection of more than 256 groups.

    Attributes:
        failure: Why these rows cannot be judged; empty where they can.

    Examples:
        >>> labels = Labels(("no", "yes"))
        >>> rows = InterventionRows("ruler", labels, (), [])
        >>> before = Predictions(np.eye(2), np.array([0, 1]), np.array([4, 5]), labels)
        >>> after = Predictions(np.eye(2)[[0, 0]], np.array([0, 1]), np.array([4, 5]), labels)
        >>> rows.add(before, after)
        >>> rows.add(before, after)  # the padding of a sampler
        >>> rows.tallies()[0].rows.tolist(), [flip.index for flip in rows.flips() if flip.changed]
        ([2], [5])
    """

    def __init__(
        self,
        subject: str,
        labels: Labels,
        sensitive: tuple[SensitiveFeature, ...],
        asked: Sequence[Sequence[str]],
        *,
        flips: int = 8,
    ) -> None:
        declared = {feature.name: feature for feature in sensitive}
        for name in (name for names in asked for name in names):
            if name not in declared:
                raise UnknownNameError("sensitive feature", name, declared, where="the data")
        self.subject = subject
        self.labels = labels
        self.asked = tuple(tuple(names) for names in asked)
        self.by = tuple(FeatureGroups.of([declared[name] for name in names]) for names in self.asked)
        self.failure = ""
        self._most = flips
        self._parts: list[PairedRows] = []
        self._flips: tuple[Flip, ...] = ()
        self.clear()

    def clear(self) -> None:
        """Forgets all rows."""
        self.failure, self._flips = "", ()
        self._parts = [PairedRows(np.zeros(0, np.int64), np.zeros((0, 3 + len(self.by)), np.int32))]

    def add(self, before: Predictions, after: Predictions, texts: Sequence[tuple[Text, Text]] = ()) -> None:
        """Counts a batch.

        Args:
            before: Answers for n rows that have the subject.
            after: Answers for the same rows without it, in the same order.
            texts: Of each row its text before and after; empty for pictures.

        Raises:
            DataError: two batches of different rows.
        """
        if not np.array_equal(before.index, after.index):
            raise DataError("the answers before and after are of different rows; give both of the same, in one order")
        slots = [FeatureGroups.codes(before, names)[1] for names in self.asked]
        cells = np.stack([before.targets, before.predicted, after.predicted, *slots], axis=1).astype(np.int32)
        self._parts.append(PairedRows(before.index, cells))
        self.search(before, after, texts)

    def search(self, before: Predictions, after: Predictions, texts: Sequence[tuple[Text, Text]] = ()) -> None:
        """Looks for the worst flips, and counts nothing; takes what ``add`` takes."""
        rows, answered, then = np.arange(len(before)), before.predicted, after.predicted
        chances = before.probabilities[rows, answered], after.probabilities[rows, answered]
        worst = np.lexsort((before.index, chances[1] - chances[0]))[: self._most]
        found = [
            Flip(
                self.subject,
                int(before.index[row]),
                self.labels[int(answered[row])],
                self.labels[int(then[row])],
                float(chances[0][row]),
                float(chances[1][row]),
                texts[row] if texts else (),
            )
            for row in worst.tolist()
        ]
        self._flips = _worst((*self._flips, *found), self._most)

    def fail(self, reason: str) -> None:
        """Remembers why these rows cannot be judged; the first reason stands."""
        self.failure = self.failure or reason

    def gather(self) -> None:
        """Takes the rows of all processes, so that each holds all; without others it does nothing.

        Every process must call it.
        """
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return
        held = (PairedRows.joined(self._parts), self._flips, self.failure)
        found: list[tuple[PairedRows, tuple[Flip, ...], str] | None] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(found, held)
        parts = [part for part in found if part is not None]
        self._parts = [rows for rows, _, _ in parts]
        self._flips = _worst((flip for _, flips, _ in parts for flip in flips), self._most)
        self.failure = min((reason for _, _, reason in parts if reason), default="")

    def tallies(self) -> tuple[InterventionTally, ...]:
        """Returns the K tallies of all rows so far, each row once; without a feature, that of all rows together."""
        rows = PairedRows.joined(self._parts)
        targets, before, after, *slots = rows.cells.T.astype(np.int64)
        by = self.by or (EVERY_ROW,)
        return tuple(
            InterventionTally.count(feature, self.labels, slot, targets=targets, before=before, after=after)
            for feature, slot in zip(by, slots or [np.zeros_like(targets)], strict=True)
        )

    def flips(self) -> tuple[Flip, ...]:
        """Returns the worst flips, the worst first: of each row one."""
        return self._flips


def _worst(flips: Iterable[Flip], most: int) -> tuple[Flip, ...]:
    """Of a row that several hold, the worst: the same ones in whatever order they come."""
    ordered = sorted(flips, key=lambda flip: (-flip.fall, flip.index, str(flip.texts)))
    of_row: dict[int, Flip] = {}
    for flip in ordered:
        of_row.setdefault(flip.index, flip)
    return tuple(of_row.values())[:most]
