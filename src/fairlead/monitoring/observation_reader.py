"""Observations as columns of codes and bins."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.measures import FeatureGroups, ScoreReference
from fairlead.records import Labels, Observation

CONFIDENCE = "confidence"
_JOIN = " x "
_LATEST_TIME = 253_402_300_800.0  # the year 10 000; a bucket's number stays a number that counts

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ObservedColumns:
    """N observations that can be read.

    Attributes:
        ids: Of their requests.
        times: (N,) seconds since 1970.
        buckets: (N,) numbers of the clock's buckets.
        decided: (N,) codes of the classes decided for.
        probabilities: (N, C).
        leads: (N,) whether an item stands for its request.
        bins: (N, S) of the watched scores, -1 where not known.
        slots: (N, F) of the watched features, the last slot where no declared group is known.
    """

    ids: list[str]
    times: NDArray[np.float64]
    buckets: IntArray
    decided: IntArray
    probabilities: NDArray[np.float64]
    leads: NDArray[np.bool_]
    bins: IntArray
    slots: IntArray

    def runs(self) -> list[tuple[int, slice]]:
        """Returns the buckets as they follow each other, each with its rows: what was read one by one is read so."""
        return runs_of(self.buckets)


class ObservationReader:
    """Turns observations of one bundle into columns; those that are not its own are left out.

    Values of a sensitive feature that are no declared group are put into the slot for missing ones, so that nothing a
    client writes there is kept.

    Args:
        model: Digest of the bundle.
        labels: The C classes.
        scores: The S watched scores.
        features: The F watched features.
        bucket_seconds: Length of a bucket.

    Examples:
        >>> reader = ObservationReader("ab", Labels(("no", "yes")), (), (FeatureGroups("sex", ("f", "m")),), 60.0)
        >>> seen = Observation("r1", 61.0, "ab", "yes", (0.25, 0.75), {}, {"sex": "m"})
        >>> other = Observation("r2", 61.0, "another", "yes", (0.25, 0.75))
        >>> columns, left_out = reader.columns([seen, other])
        >>> columns.ids, columns.buckets.tolist(), columns.slots.tolist(), left_out
        (['r1'], [1], [[1]], {'other_model': 1})
    """

    def __init__(
        self,
        model: str,
        labels: Labels,
        scores: Sequence[ScoreReference],
        features: Sequence[FeatureGroups],
        bucket_seconds: float,
    ) -> None:
        self.model, self.scores, self.features = model, tuple(scores), tuple(features)
        self.bucket_seconds = bucket_seconds
        self._codes = {name: code for code, name in enumerate(labels)}
        self._slots = [{group: slot for slot, group in enumerate(by.groups)} for by in self.features]

    def columns(self, observations: Sequence[Observation]) -> tuple[ObservedColumns, dict[str, int]]:
        """Returns those that can be read, and how many were left out or lack a declared group, by reason."""
        read: list[Observation] = []
        left_out: dict[str, int] = {}
        for seen in observations:
            reason = self._unreadable(seen)
            if reason:
                left_out[reason] = left_out.get(reason, 0) + 1
            else:
                read.append(seen)
        times = np.array([seen.time for seen in read], dtype=np.float64)
        probabilities = np.array([seen.probabilities for seen in read], dtype=np.float64)
        slots, undeclared = self._slots_of(read)
        if undeclared:
            left_out["undeclared_groups"] = undeclared
        return ObservedColumns(
            [seen.id for seen in read],
            times,
            np.floor(times / self.bucket_seconds).astype(np.int64),
            np.array([self._codes[seen.predicted] for seen in read], dtype=np.int64),
            probabilities.reshape(len(read), len(self._codes)),
            np.array([seen.leads for seen in read], dtype=np.bool_),
            self._bins_of(read, probabilities),
            slots,
        ), left_out

    def _unreadable(self, seen: Observation) -> str:
        fits = seen.predicted in self._codes and len(seen.probabilities) == len(self._codes)
        if seen.model != self.model or not fits:
            return "other_model"
        return "" if 0 <= seen.time < _LATEST_TIME else "impossible_time"

    def _bins_of(self, read: Sequence[Observation], probabilities: NDArray[np.float64]) -> IntArray:
        bins = np.full((len(read), len(self.scores)), -1, dtype=np.int64)
        if not read:
            return bins
        for place, score in enumerate(self.scores):
            if score.name == CONFIDENCE:
                values = probabilities.max(axis=1)
            else:
                values = np.array([seen.scores.get(score.name, np.nan) for seen in read], dtype=np.float64)
            bins[:, place] = score.bins_of(values)
        return bins

    def _slots_of(self, read: Sequence[Observation]) -> tuple[IntArray, int]:
        slots = np.empty((len(read), len(self.features)), dtype=np.int64)
        undeclared = 0
        for place, (by, codes) in enumerate(zip(self.features, self._slots, strict=True)):
            values = [_value(seen, by.feature) for seen in read]
            column = [by.missing if value is None else codes.get(value, -1) for value in values]
            slots[:, place] = column
            unknown = slots[:, place] < 0
            undeclared += int(unknown.sum())
            slots[unknown, place] = by.missing
        return slots, undeclared


def runs_of(buckets: IntArray) -> list[tuple[int, slice]]:
    """Returns each stretch of equal numbers with its place.

    Examples:
        >>> runs_of(np.array([4, 4, 5, 4]))
        [(4, slice(0, 2, None)), (5, slice(2, 3, None)), (4, slice(3, 4, None))]
    """
    if not len(buckets):
        return []
    ends = [0, *(np.flatnonzero(np.diff(buckets)) + 1).tolist(), len(buckets)]
    return [(int(buckets[start]), slice(start, end)) for start, end in itertools.pairwise(ends)]


def _value(seen: Observation, feature: str) -> Any:
    """Returns an item's group; of an intersection, its parts joined where all are known."""
    if feature in seen.groups or _JOIN not in feature:
        return seen.groups.get(feature)
    parts = [seen.groups.get(part) for part in feature.split(_JOIN)]
    return None if None in parts else _JOIN.join(map(str, parts))
