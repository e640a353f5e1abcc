"""How many rows each split of a synthetic dataset gets."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from fairlead.errors import ConfigurationError
from fairlead.records import SPLITS


@dataclass(frozen=True)
class SplitSizes:
    """Rows of each split, in the order in which a synthetic dataset is numbered: train first, test last.

    The default test split is the largest: an audit speaks of the rarest group, and 3000 rows leave about 135
    malignant lesions to each tone that one row in ten has.

    Attributes:
        train: Rows to fit weights.
        val: Rows for early stopping and choices between models.
        calibration: Rows for the temperature and thresholds.
        test: Rows for findings.

    Raises:
        ConfigurationError: a negative number of rows, or none at all.

    Examples:
        >>> sizes = SplitSizes(train=2, val=1, calibration=0, test=1)
        >>> sizes.total, sizes.column()
        (4, ['train', 'train', 'val', 'test'])
    """

    train: int = 2400
    val: int = 500
    calibration: int = 500
    test: int = 3000

    def __post_init__(self) -> None:
        for split, rows in zip(SPLITS, astuple(self), strict=True):
            if rows < 0:
                raise ConfigurationError(f"the {split.value} split cannot have {rows} rows; give it 0 or more")
        if not self.total:
            raise ConfigurationError("every split has 0 rows; give at least one split a row")

    @property
    def total(self) -> int:
        """N, the rows of all splits together."""
        return sum(astuple(self))

    def column(self) -> list[str]:
        """Returns the split of each of the N rows."""
        return [split.value for split, rows in zip(SPLITS, astuple(self), strict=True) for _ in range(rows)]
