"""What thresholds are chosen on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.records import Predictions, TaskKind


@dataclass(frozen=True, eq=False)
class ThresholdRows:
    """Calibration rows of two classes whose truth is known.

    Attributes:
        scores: (N,) probability of the positive class.
        targets: (N,) 0 or 1.
        slots: (N,) slot of the one sensitive feature; rows without a value in the last.
    """

    scores: NDArray[np.float64]
    targets: NDArray[np.int64]
    slots: NDArray[np.int64]

    @classmethod
    def of(cls, calibration: Predictions, feature: str | None = None) -> ThresholdRows:
        """Reads predictions; without a feature all rows have the slot 0.

        Raises:
            ConfigurationError: more than two classes.
            DataError: not both classes among the rows.
            UnknownNameError: a feature that is not declared.

        Examples:
            >>> from fairlead.records import Labels
            >>> rows = Predictions(np.eye(2), np.array([0, 1]), np.arange(2), Labels(("no", "yes")))
            >>> ThresholdRows.of(rows).scores.tolist()
            [0.0, 1.0]
        """
        if calibration.task is not TaskKind.BINARY:
            raise ConfigurationError(
                f"thresholds are chosen for two classes, and there are {len(calibration.labels)}; train on two"
            )
        known = calibration.take(calibration.targets >= 0)
        check_classes(known.targets)
        slots = np.zeros(len(known), dtype=np.int64)
        if feature is not None:
            names = [declared.name for declared in known.sensitive]
            if feature not in names:
                raise UnknownNameError("sensitive feature", feature, names, where="the predictions")
            slots = known.groups[:, names.index(feature)]
        return cls(known.probabilities[:, 1], known.targets, slots)

    def fewest(self, slot: int) -> int:
        """Returns the positives of a group, or its negatives where they are fewer."""
        targets = self.targets[self.slots == slot]
        return int(min((targets == 1).sum(), (targets == 0).sum()))


def check_classes(targets: NDArray[np.int64]) -> None:
    """Checks that both classes are there.

    Args:
        targets: (N,) class codes of the calibration rows; -1 where the truth is not known.

    Raises:
        DataError: they are not.

    Examples:
        >>> check_classes(np.array([1, 0, -1]))
    """
    known = targets[targets >= 0]
    if len(np.unique(known)) < 2:
        raise DataError(
            f"thresholds need calibration rows of both classes, and {len(known)} rows hold {len(np.unique(known))}; "
            "give the calibration split more rows"
        )
