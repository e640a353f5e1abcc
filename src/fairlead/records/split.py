"""The four parts of a dataset, and what each may be used for."""

from __future__ import annotations

from enum import StrEnum


class Split(StrEnum):
    """A part of a dataset. Nothing is chosen and certified on the same rows.

    Attributes:
        TRAIN: Fits weights; the only source of the class names.
        VAL: Early stopping and every choice between models.
        CALIBRATION: The temperature, later thresholds and conformal sets.
        TEST: Findings, and nothing else.

    Examples:
        >>> Split("calibration").value
        'calibration'
    """

    TRAIN = "train"
    VAL = "val"
    CALIBRATION = "calibration"
    TEST = "test"


SPLITS: tuple[Split, ...] = tuple(Split)
