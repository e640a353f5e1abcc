"""Every count a group figure of a classifier is made of."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError, UnreadableFileError
from fairlead.measures.cluster_counts import ClusterCounts
from fairlead.measures.code_columns import check_codes
from fairlead.measures.feature_groups import FeatureGroups
from fairlead.records import Labels, Predictions, TaskKind

BINS = 1000
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GroupTally:
    """Rows by group, true class and predicted class, in integers: any split of the rows adds up to the same tally.

    One slot stands for every *declared* group, whether a batch has it or not, and the last one for rows without
    a value; one for every class, and the last one for rows whose truth is not known yet.

    Attributes:
        by: The feature, or intersection, and its G declared groups.
        labels: The C classes; of two the second is the positive one.
        counts: (G + 1, C + 1, C) int64.
        scores: (G + 1, C + 1, B) int64, rows by B equal bins of the positive class's probability; None for more
            than two classes.
        clusters: The same rows by cluster, or None where each row stands for itself.

    Raises:
        DataError: counts of another shape, negative ones, or ones that are not integers.

    Examples:
        >>> by, labels = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))
        >>> tally = GroupTally.count(by, labels, np.array([0, 1, 2]), np.array([1, 1, -1]), np.array([1, 0, 1]))
        >>> tally.rows.tolist(), (tally + tally).rows.tolist(), tally == GroupTally.from_dict(tally.to_dict())
        ([1, 1, 1], [2, 2, 2], True)
    """

    by: FeatureGroups
    labels: Labels
    counts: IntArray
    scores: IntArray | None = None
    clusters: ClusterCounts | None = None

    def __post_init__(self) -> None:
        if len(self.labels) < 2:
            raise DataError("a tally tells at least two classes apart; add rows of another class to the training split")
        shape = (len(self.by.slots), len(self.labels) + 1, len(self.labels))
        self._check("counts", self.counts, shape)
        if self.scores is not None:
            self._check("scores", self.scores, (*shape[:2], self.scores.shape[-1]))

    @staticmethod
    def _check(name: str, array: IntArray, shape: tuple[int, ...]) -> None:
        if array.shape != shape or array.dtype.kind not in "iu" or (array < 0).any():
            raise DataError(
                f"the {name} of a tally are integers from 0 up of shape {shape}, got {array.dtype} of {array.shape}; "
                "make them with GroupTally.count"
            )

    @classmethod
    def of(
        cls, predictions: Predictions, features: Sequence[str], *, predicted: IntArray | None = None, bins: int = BINS
    ) -> GroupTally:
        """Counts predictions by the groups of one declared feature, or of the intersection of several.

        Args:
            predictions: Answers with the truth beside them.
            features: Names of declared features.
            predicted: (N,) class codes, where they are not the most probable class: a threshold of one's own.
            bins: Bins of the score, where there are two classes.

        Raises:
            UnknownNameError: a feature that the predictions do not declare.
        """
        by, groups = FeatureGroups.codes(predictions, features)
        return cls.count(
            by,
            predictions.labels,
            groups,
            predictions.targets,
            predictions.predicted if predicted is None else predicted,
            scores=predictions.probabilities[:, 1] if predictions.task is TaskKind.BINARY else None,
            bins=bins,
            clusters=predictions.clusters,
        )

    @classmethod
    def count(
        cls,
        by: FeatureGroups,
        labels: Labels,
        groups: IntArray,
        targets: IntArray,
        predicted: IntArray,
        *,
        scores: NDArray[np.floating[Any]] | None = None,
        bins: int = BINS,
        clusters: IntArray | None = None,
    ) -> GroupTally:
        """Counts (N,) columns: slots, true classes (-1 where unknown), predicted classes, scores, clusters.

        Raises:
            DataError: columns of different length, codes out of range, or scores off [0, 1].
        """
        classes, slots = len(labels), len(by.slots)
        check_codes("group", groups, 0, slots, len(groups))
        check_codes("target", targets, -1, classes, len(groups))
        check_codes("predicted class", predicted, 0, classes, len(groups))
        truth = groups * (classes + 1) + np.where(targets < 0, classes, targets)
        cells = truth * classes + predicted
        shape = (slots, classes + 1, classes)
        histogram = None
        if scores is not None:
            place = truth * bins + _bins_of(scores, bins, len(groups))
            histogram = np.bincount(place, minlength=slots * (classes + 1) * bins).astype(np.int64)
            histogram = histogram.reshape(slots, classes + 1, bins)
        if clusters is not None and clusters.shape != groups.shape:
            raise DataError(f"{len(clusters)} clusters for {len(groups)} rows; give one for each")
        return cls(
            by,
            labels,
            np.bincount(cells, minlength=int(np.prod(shape))).astype(np.int64).reshape(shape),
            histogram,
            None if clusters is None else ClusterCounts.of(clusters, cells),
        )

    def __add__(self, other: GroupTally) -> GroupTally:
        alike = self.by == other.by and self.labels == other.labels
        forms = [
            (tally.clusters is None, None if tally.scores is None else tally.scores.shape) for tally in (self, other)
        ]
        if not alike or forms[0] != forms[1]:
            raise DataError(
                f"tallies of {self.by.feature!r} and {other.by.feature!r} do not add up: groups, classes, bins of the "
                "score and whether rows are clustered must agree"
            )
        return GroupTally(
            self.by,
            self.labels,
            self.counts + other.counts,
            None if self.scores is None or other.scores is None else self.scores + other.scores,
            None if self.clusters is None or other.clusters is None else self.clusters + other.clusters,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupTally):
            return NotImplemented
        return (
            (self.by, self.labels, self.clusters) == (other.by, other.labels, other.clusters)
            and np.array_equal(self.counts, other.counts)
            and (self.scores is None) == (other.scores is None)
            and (self.scores is None or other.scores is None or np.array_equal(self.scores, other.scores))
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def task(self) -> TaskKind:
        """Binary or multiclass, by the number of classes."""
        return TaskKind.of_classes(len(self.labels))

    @property
    def rows(self) -> IntArray:
        """(G + 1,) rows of each slot, those without a value last."""
        return np.asarray(self.counts.sum(axis=(1, 2)), dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values; what is absent is null."""
        clusters = self.clusters
        return {
            "schema": 1,
            "feature": self.by.feature,
            "groups": list(self.by.groups),
            "labels": list(self.labels),
            "counts": self.counts.tolist(),
            "scores": None if self.scores is None else self.scores.tolist(),
            "clusters": None
            if clusters is None
            else {f.name: getattr(clusters, f.name).tolist() for f in fields(clusters)},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> GroupTally:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: a schema this release does not know.
        """
        if content.get("schema") != 1:
            raise DataError(f"a tally of schema {content.get('schema')!r} is not known; this release reads 1")
        by = FeatureGroups(content["feature"], tuple(content["groups"]))
        labels = Labels(tuple(content["labels"]))
        shape = (len(by.slots), len(labels) + 1)
        scores, clusters = content["scores"], content["clusters"]
        return cls(
            by,
            labels,
            np.array(content["counts"], dtype=np.int64).reshape(*shape, len(labels)),
            None if scores is None else np.array(scores, dtype=np.int64).reshape(*shape, -1),
            clusters and ClusterCounts(**{name: np.array(column, dtype=np.int64) for name, column in clusters.items()}),
        )

    def save(self, path: Path) -> None:
        """Writes the tally to an ``.npz`` file: numbers compressed, names as JSON, no pickle."""
        arrays: dict[str, Any] = {"counts": self.counts}
        if self.scores is not None:
            arrays["scores"] = self.scores
        if self.clusters is not None:
            arrays |= {f"clusters_{f.name}": getattr(self.clusters, f.name) for f in fields(ClusterCounts)}
        names = {"schema": 1, "feature": self.by.feature, "groups": self.by.groups, "labels": self.labels.names}
        with path.open("wb") as file:
            np.savez_compressed(file, names=np.array(json.dumps(names)), **arrays)

    @classmethod
    def load(cls, path: Path) -> GroupTally:
        """Reads what ``save`` wrote.

        Raises:
            DataError: a schema this release does not know.
            UnreadableFileError: a file that is not there or holds no tally.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                content = json.loads(str(file["names"])) | {name: file[name] for name in file.files if name != "names"}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UnreadableFileError(f"{path} holds no tally ({error}); write one with GroupTally.save") from error
        clusters = {f.name: content[key] for f in fields(ClusterCounts) if (key := f"clusters_{f.name}") in content}
        return cls.from_dict({"scores": None} | content | {"clusters": clusters or None})


def written_tallies(tallies: Mapping[str, Sequence[GroupTally]], fewest_shown: int) -> dict[str, Any]:
    """Returns the content of a run's ``tallies.json``: the counts of every group, by split.

    Args:
        tallies: By split.
        fewest_shown: Rows from which a group was quoted when they were judged.

    Examples:
        >>> written_tallies({"test": []}, 10)
        {'schema': 1, 'fewest_shown': 10, 'tallies': {'test': []}}
    """
    counted = {split: [tally.to_dict() for tally in part] for split, part in tallies.items()}
    return {"schema": 1, "fewest_shown": fewest_shown, "tallies": counted}


def _bins_of(scores: NDArray[np.floating[Any]], bins: int, rows: int) -> IntArray:
    if scores.shape != (rows,):
        raise DataError(f"scores have shape {scores.shape}, expected ({rows},)")
    # A comparison with NaN is False, so this one refuses it as well.
    good = (scores >= 0) & (scores <= 1)
    if not good.all():
        bad = int(np.flatnonzero(~good)[0])
        raise DataError(f"row {bad}: a score is a probability from 0 to 1, got {scores[bad]}; apply the sigmoid")
    return np.asarray(np.minimum((scores * bins).astype(np.int64), bins - 1), dtype=np.int64)
