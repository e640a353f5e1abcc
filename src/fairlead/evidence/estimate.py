"""A number that knows how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fairlead.errors import EvidenceError


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval, the rows it rests on and the method. Never a bare float.

    Attributes:
        value: The point value, in the figure's own unit.
        low: Lower end of the interval.
        high: Upper end of the interval.
        level: Coverage the interval aims at, e.g. 0.95.
        rows: Rows in the figure's own denominator.
        method: How the interval was made, in words.

    Raises:
        EvidenceError: a value that is not finite, or that its own interval leaves out.

    Examples:
        >>> accuracy = Estimate(0.9, 0.8, 0.95, 0.95, 60, "exact binomial (Clopper-Pearson)")
        >>> str(accuracy)
        '0.900 [0.800, 0.950]'
        >>> Estimate.from_dict(accuracy.to_dict()) == accuracy
        True
    """

    value: float
    low: float
    high: float
    level: float
    rows: int
    method: str

    def __post_init__(self) -> None:
        if not all(math.isfinite(number) for number in (self.value, self.low, self.high, self.level)):
            raise EvidenceError(f"an estimate must be finite, got {self.value} [{self.low}, {self.high}]")
        if not self.low <= self.value <= self.high:
            raise EvidenceError(f"the interval [{self.low}, {self.high}] leaves out its own value {self.value}")
        if not 0 < self.level < 1:
            raise EvidenceError(f"the level of an interval lies between 0 and 1, got {self.level}")
        if self.rows < 1 or not self.method:
            raise EvidenceError("an estimate rests on at least one row and names its method")

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Estimate:
        """Reads what ``to_dict`` wrote."""
        return cls(**content)
