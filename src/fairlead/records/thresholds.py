"""From a score to the chance of a positive decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError


@dataclass(frozen=True)
class Thresholds:
    """Steps of the positive class's probability: above each threshold another chance of deciding for it.

    One threshold with the chances 0 and 1 is an ordinary one. Chances between 0 and 1 are randomised decisions, such
    as fairlearn's, which are a mixture of two thresholds and a constant.

    Attributes:
        at: T thresholds, ascending; a score must lie *above* one to pass it, so that 0.5 is the most probable class.
        chances: T + 1 chances of a positive decision: below all thresholds, between two, above all.

    Raises:
        DataError: thresholds that do not ascend or are not finite, or chances off [0, 1].

    Examples:
        >>> Thresholds.single(0.5).chances_of(np.array([0.4, 0.5, 0.6])).tolist()
        [0.0, 0.0, 1.0]
        >>> Thresholds((0.3, 0.7), (0.0, 0.25, 1.0)).randomised
        True
    """

    at: tuple[float, ...]
    chances: tuple[float, ...]

    def __post_init__(self) -> None:
        if not np.isfinite(self.at).all() or any(low >= high for low, high in zip(self.at, self.at[1:], strict=False)):
            raise DataError(f"thresholds are finite and ascend, got {list(self.at)}; sort them and drop doubles")
        if len(self.chances) != len(self.at) + 1 or not all(0 <= chance <= 1 for chance in self.chances):
            raise DataError(
                f"{len(self.at)} thresholds need {len(self.at) + 1} chances from 0 to 1, got {list(self.chances)}"
            )

    @classmethod
    def single(cls, threshold: float) -> Thresholds:
        """Positive above one threshold, else not."""
        return cls((float(threshold),), (0.0, 1.0))

    @property
    def randomised(self) -> bool:
        """Whether a decision is ever drawn."""
        return any(0 < chance < 1 for chance in self.chances)

    def chances_of(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns (N,) chances of a positive decision for (N,) scores."""
        passed = np.searchsorted(np.asarray(self.at), scores, side="left")
        return np.asarray(self.chances, dtype=np.float64)[passed]

    def __str__(self) -> str:
        if self.at and self.chances == (0.0, 1.0):
            return f"{self.at[0]:.3f}"
        steps = [f"{self.chances[0]:.2f}"]
        steps += [f"{chance:.2f} above {at:.3f}" for at, chance in zip(self.at, self.chances[1:], strict=True)]
        return "chance " + ", ".join(steps)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {"at": list(self.at), "chances": list(self.chances)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Thresholds:
        """Reads what ``to_dict`` wrote."""
        return cls(tuple(map(float, content["at"])), tuple(map(float, content["chances"])))
