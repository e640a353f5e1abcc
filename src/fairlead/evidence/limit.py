"""The most we accept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fairlead.errors import EvidenceError


@dataclass(frozen=True)
class Limit:
    """What a figure is held against: the same object in audit, gate and monitor.

    Attributes:
        most: The most we accept, in the figure's own unit.
        margin: The distance from ``most`` that matters; planning of rows aims at it.
        rows: The fewest rows of the figure's own denominator on which we will say anything.

    Raises:
        EvidenceError: a negative margin, or fewer than one row.

    Examples:
        >>> Limit.from_dict({"most": 0.1})
        Limit(most=0.1, margin=0.05, rows=50)
    """

    most: float
    margin: float = 0.05
    rows: int = 50

    def __post_init__(self) -> None:
        if not math.isfinite(self.most) or not math.isfinite(self.margin) or self.margin < 0:
            raise EvidenceError(f"a limit is finite and its margin at least 0, got {self.most} +- {self.margin}")
        if self.rows < 1:
            raise EvidenceError(f"a limit needs at least one row, got {self.rows}")

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Limit:
        """Reads what ``to_dict`` wrote; margin and rows may be left out."""
        return cls(**content)
