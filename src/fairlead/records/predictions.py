"""What any audit reads: a model's answers with the truth beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.records.decision_rule import DecisionRule
from fairlead.records.labels import Labels
from fairlead.records.sensitive import SensitiveFeature
from fairlead.records.task import TaskKind


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers of a classifier for N rows of one split, of whatever framework.

    Attributes:
        probabilities: (N, C) rows on the simplex, float64.
        targets: (N,) class codes, int64; -1 where the truth is not known.
        index: (N,) each row's number in its dataset, int64; no row twice.
        labels: The C class names.
        groups: (N, S) group codes of the declared sensitive features, int64.
        sensitive: The S declared features.
        clusters: (N,) codes of rows that belong together (a patient, a person), or None.
        decided: (N,) class codes that a decision rule gave, int64; None where the most probable class is the answer.

    Raises:
        DataError: shapes that do not agree, a row twice, or probabilities that are none.
    """

    probabilities: NDArray[np.float64]
    targets: NDArray[np.int64]
    index: NDArray[np.int64]
    labels: Labels
    groups: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    sensitive: tuple[SensitiveFeature, ...] = ()
    clusters: NDArray[np.int64] | None = None
    decided: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        rows, classes = len(self.index), len(self.labels)
        if not self.sensitive and self.groups.size == 0:
            object.__setattr__(self, "groups", np.zeros((rows, 0), dtype=np.int64))
        self._check_shape("index", self.index, (rows,))
        self._check_shape("probabilities", self.probabilities, (rows, classes))
        self._check_shape("targets", self.targets, (rows,))
        self._check_shape("groups", self.groups, (rows, len(self.sensitive)))
        if self.clusters is not None:
            self._check_shape("clusters", self.clusters, (rows,))
        if self.decided is not None:
            self._check_shape("decided", self.decided, (rows,))
            if rows and (self.decided.min() < 0 or self.decided.max() >= classes):
                raise DataError(f"decided must be codes from 0 to {classes - 1}; make them with a DecisionRule")
        self._check_groups()
        if len(np.unique(self.index)) != rows:
            raise DataError("a row is predicted twice: drop the padding of the sampler before making Predictions")
        if rows and not np.all(np.isfinite(self.probabilities)):
            bad = int(self.index[np.flatnonzero(~np.isfinite(self.probabilities).all(axis=1))[0]])
            raise DataError(
                f"row {bad} has a probability that is not a number; the training diverged: lower the learning rate"
            )
        off = (self.probabilities < 0).any(axis=1) | (abs(self.probabilities.sum(axis=1) - 1) > 1e-4)
        if off.any():
            bad = int(np.flatnonzero(off)[0])
            values = ", ".join(f"{value:.4g}" for value in self.probabilities[bad, :4])
            raise DataError(
                "probabilities must be at least 0 and sum to 1 in every row; "
                f"those of row {self.index[bad]} are {values}{', ...' if classes > 4 else ''}: apply softmax or sigmoid"
            )
        if rows and (self.targets.min() < -1 or self.targets.max() >= classes):
            raise DataError(f"targets must be codes from 0 to {classes - 1}, or -1 where unknown")

    @staticmethod
    def _check_shape(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
        if array.shape != shape:
            raise DataError(f"{name} has shape {array.shape}, expected {shape}")

    def _check_groups(self) -> None:
        for column, feature in enumerate(self.sensitive):
            codes = self.groups[:, column]
            if len(codes) and (codes.min() < 0 or codes.max() > feature.missing):
                raise DataError(
                    f"groups of {feature.name!r} must be codes from 0 to {feature.missing}; encode them with "
                    "SensitiveFeature.encode"
                )

    @property
    def task(self) -> TaskKind:
        """Binary or multiclass, by the number of classes."""
        return TaskKind.of_classes(len(self.labels))

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) what was decided; without a decision rule the most probable class, the first of equals."""
        if self.decided is not None:
            return self.decided
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.index)

    def sorted(self) -> Predictions:
        """Returns the same rows in the order of their index, however they were gathered."""
        return self.take(np.argsort(self.index, kind="stable"))

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Predictions:
        """Returns the chosen rows (positions or a mask)."""
        return replace(
            self,
            probabilities=self.probabilities[rows],
            targets=self.targets[rows],
            index=self.index[rows],
            groups=self.groups[rows],
            clusters=None if self.clusters is None else self.clusters[rows],
            decided=None if self.decided is None else self.decided[rows],
        )

    def decided_by(self, rule: DecisionRule | None) -> Predictions:
        """Returns the same answers with the decisions of a rule; of none, with the most probable classes.

        Raises:
            ConfigurationError: a rule by a feature that is not declared here.
            DataError: a rule for other than two classes.
            UnknownNameError: a group that the rule does not know.
        """
        if rule is None:
            return replace(self, decided=None)
        slots = None
        if rule.feature is not None:
            slots = rule.slots_of(self.sensitive, self.groups)
        return replace(self, decided=rule.decide(self.probabilities, slots, self.index))

    @classmethod
    def concatenate(cls, parts: Sequence[Predictions]) -> Predictions:
        """Joins parts of one split, such as batches.

        Raises:
            DataError: no parts, or parts that differ in labels, in sensitive features or in whether they have clusters
                or decisions.
        """
        if not parts:
            raise DataError("there are no predictions to join: the split has no rows")
        first = parts[0]
        if any(part.labels != first.labels or part.sensitive != first.sensitive for part in parts):
            raise DataError("only predictions with the same labels and sensitive features can be joined")
        clusters = [part.clusters for part in parts if part.clusters is not None]
        if len(clusters) not in (0, len(parts)):
            raise DataError("some of the predictions to join have clusters and some have none: give all or none")
        decided = [part.decided for part in parts if part.decided is not None]
        if len(decided) not in (0, len(parts)):
            raise DataError("some of the predictions to join were decided by a rule and some were not: apply it to all")
        return cls(
            probabilities=np.concatenate([part.probabilities for part in parts]),
            targets=np.concatenate([part.targets for part in parts]),
            index=np.concatenate([part.index for part in parts]),
            labels=first.labels,
            groups=np.concatenate([part.groups for part in parts]),
            sensitive=first.sensitive,
            clusters=np.concatenate(clusters) if clusters else None,
            decided=np.concatenate(decided) if decided else None,
        )
