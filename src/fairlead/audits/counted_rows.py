"""The rows of an evaluation, each counted once, over any number of batches and processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fairlead.errors import DataError, UnknownNameError
from fairlead.measures import FeatureGroups, GroupTally
from fairlead.records import Labels, Predictions, SensitiveFeature, TaskKind


@dataclass(frozen=True, eq=False)
class Counted:
    """N rows, of each what it counts for and no more: some 30 bytes, and 8 for a cluster.

    A tally alone would not do: a sampler that pads gives two processes the same row, and which of a tally's counts is
    that row's cannot be told afterwards.

    Attributes:
        index: (N,) each row's number, int64.
        scores: (N,) probability of the last class, float64.
        cells: (N, 2 + K) true class, predicted class, and slot in each of K tallies, int32.
        clusters: (N,) codes of rows that belong together, int64, or None where each row stands for itself.
    """

    index: NDArray[np.int64]
    scores: NDArray[np.float64]
    cells: NDArray[np.int32]
    clusters: NDArray[np.int64] | None = None

    @classmethod
    def joined(cls, parts: Sequence[Counted]) -> Counted:
        """Joins parts; of a row that several hold, one is kept, the same one in whatever order they come.

        Raises:
            DataError: parts with clusters and parts without; one without rows is either.
        """
        filled = [part for part in parts if len(part.index)] or parts[:1]
        index = np.concatenate([part.index for part in filled])
        scores = np.concatenate([part.scores for part in filled])
        cells = np.concatenate([part.cells for part in filled])
        given = [part.clusters for part in filled if part.clusters is not None]
        if len(given) not in (0, len(filled)):
            raise DataError("some of the steps' outputs have clusters and some have none: give all or none")
        clusters = np.concatenate(given) if given else None
        order = np.lexsort((scores, *cells.T, *(() if clusters is None else (clusters,)), index))
        first = order[np.unique(index[order], return_index=True)[1]]
        return cls(index[first], scores[first], cells[first], None if clusters is None else clusters[first])


class CountedRows:
    """Counts batches of predictions by several features at once.

    Args:
        labels: The C classes.
        sensitive: The declared features.
        asked: Names of features, one or several to be crossed, for each of K tallies.

    Raises:
        UnknownNameError: a feature that is not declared.
        DataError: an intersection of more than 256 groups.

    Examples:
        >>> sex, labels = SensitiveFeature("sex", ("f", "m")), Labels(("no", "yes"))
        >>> rows = CountedRows(labels, (sex,), [("sex",)])
        >>> batch = Predictions(np.eye(2), np.array([0, 1]), np.array([4, 5]), labels, np.array([[0], [1]]), (sex,))
        >>> rows.add(batch)
        >>> rows.add(batch)  # the padding of a sampler
        >>> rows.tallies()[0].rows.tolist()
        [1, 1, 0]
    """

    def __init__(self, labels: Labels, sensitive: tuple[SensitiveFeature, ...], asked: Sequence[Sequence[str]]) -> None:
        declared = {feature.name: feature for feature in sensitive}
        for name in (name for names in asked for name in names):
            if name not in declared:
                raise UnknownNameError("sensitive feature", name, declared, where="the data")
        self.labels = labels
        self.asked = tuple(tuple(names) for names in asked)
        self.by = tuple(FeatureGroups.of([declared[name] for name in names]) for names in self.asked)
        self.failure = ""
        self._parts: list[Counted] = []
        self.clear()

    def clear(self) -> None:
        """Forgets all rows."""
        self.failure = ""
        self._parts = [Counted(np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 2 + len(self.by)), np.int32))]

    def add(self, predictions: Predictions) -> None:
        """Counts a batch."""
        slots = [FeatureGroups.codes(predictions, names)[1] for names in self.asked]
        cells = np.stack([predictions.targets, predictions.predicted, *slots], axis=1).astype(np.int32)
        self._parts.append(Counted(predictions.index, predictions.probabilities[:, -1], cells, predictions.clusters))

    def fail(self, reason: str) -> None:
        """Remembers why these rows cannot be judged; the first reason stands."""
        self.failure = self.failure or reason

    def gather(self) -> None:
        """Takes the rows of all processes, so that each holds all; without others it does nothing.

        Every process must call it.
        """
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return
        found: list[tuple[Counted, str] | None] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(found, (Counted.joined(self._parts), self.failure))
        parts = [part for part in found if part is not None]
        self._parts = [rows for rows, _ in parts]
        self.failure = min((reason for _, reason in parts if reason), default="")

    def tallies(self) -> tuple[GroupTally, ...]:
        """Returns the K tallies of all rows so far, each row once."""
        rows = Counted.joined(self._parts)
        targets, predicted, *slots = rows.cells.T.astype(np.int64)
        binary = TaskKind.of_classes(len(self.labels)) is TaskKind.BINARY
        return tuple(
            GroupTally.count(
                by,
                self.labels,
                slot,
                targets,
                predicted,
                scores=rows.scores if binary else None,
                clusters=rows.clusters,
            )
            for by, slot in zip(self.by, slots, strict=True)
        )
