"""One or several sensitive features as the slots of one tally."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError, UnknownNameError
from fairlead.records import MISSING, Predictions, SensitiveFeature

MOST_GROUPS = 256
_JOIN = " x "


@dataclass(frozen=True)
class FeatureGroups:
    """The declared groups of a sensitive feature, or of an intersection of several: every combination.

    Attributes:
        feature: Its name; an intersection joins names with ``" x "``.
        groups: G group names, without the slot for rows that lack a value.

    Raises:
        DataError: more than 256 groups, none of which would have rows enough.

    Examples:
        >>> sex, age = SensitiveFeature("sex", ("f", "m")), SensitiveFeature("age", ("old", "young"))
        >>> both = FeatureGroups.of([sex, age])
        >>> both.feature, both.groups
        ('sex x age', ('f x old', 'f x young', 'm x old', 'm x young'))
    """

    feature: str
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.groups) > MOST_GROUPS:
            raise DataError(
                f"{self.feature!r} has {len(self.groups)} groups, e.g. {', '.join(self.groups[:3])}; an audit takes at "
                f"most {MOST_GROUPS}: put its values into bins, or name another feature"
            )

    @classmethod
    def of(cls, features: Sequence[SensitiveFeature]) -> FeatureGroups:
        """Joins declared features; one alone keeps its name and groups.

        Raises:
            DataError: no feature, or one twice.
        """
        names = [feature.name for feature in features]
        if not names or len(set(names)) != len(names):
            raise DataError(f"an intersection is of one or more different features, got {names}")
        combinations = itertools.product(*(feature.groups for feature in features))
        return cls(_JOIN.join(names), tuple(_JOIN.join(groups) for groups in combinations))

    @property
    def slots(self) -> tuple[str, ...]:
        """Every group name, the slot for missing values last."""
        return (*self.groups, MISSING)

    @property
    def missing(self) -> int:
        """The code of a row that lacks a value of any of the features: the last slot."""
        return len(self.groups)

    @classmethod
    def codes(cls, predictions: Predictions, names: Sequence[str]) -> tuple[FeatureGroups, NDArray[np.int64]]:
        """Returns the groups of the named features, and each row's slot (N,).

        Raises:
            UnknownNameError: a feature that the predictions do not declare.
        """
        declared = [feature.name for feature in predictions.sensitive]
        for name in names:
            if name not in declared:
                raise UnknownNameError("sensitive feature", name, declared, where="the predictions")
        columns = [declared.index(name) for name in names]
        features = [predictions.sensitive[column] for column in columns]
        joined = cls.of(features)
        code = np.zeros(len(predictions), dtype=np.int64)
        missing = np.zeros(len(predictions), dtype=bool)
        for column, feature in zip(columns, features, strict=True):
            value = predictions.groups[:, column]
            missing |= value == feature.missing
            code = code * len(feature.groups) + value
        return joined, np.where(missing, joined.missing, code)
