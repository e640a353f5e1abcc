"""What was checked of an attribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

_CHANCE, _FEWEST = 0.05, 19  # of fewer other maps, none could be told from chance


@dataclass(frozen=True)
class AttributionCertificate:
    """Whether an attribution may be shown as an explanation, and why.

    The deletion test compares the attribution with itself moved elsewhere: masked by its own map, the class should
    lose its score faster than by the same map shifted around the item or turned, which has the same shape and grain;
    where there are too few parts to shift it so often, its values are dealt out anew. Under a map that knows nothing of
    the item, its own place is one among all, so that it comes first of itself and 19 others once in 20 times.

    Attributes:
        residual: By how much the values fail to add up to what they share, in the unit of the attribution.
        grain: Parts in the smallest group that was measured by itself and that a part is in, in the mean weighted by
            absolute value; 1 where every part that matters was measured.
        inferred: Share of the absolute worth that was divided as it is beside other parts, or evenly; 0 where every
            value is exact.
        area: Under the deletion curve of the attribution; None where it was not measured.
        moved: Of the same attribution moved elsewhere.
        prior: Of an order that knows nothing of the item: of cells from the centre outwards, of words from the first.

    Examples:
        >>> AttributionCertificate(0.0, 4.0, 0.6, 0.5, (1.0,) * 19, 0.9).reliable
        True
        >>> AttributionCertificate(0.0, 4.0, 0.6, 0.5, (1.0,) * 18 + (0.4,), 0.9).reason
        'masked by it, the class loses its score no faster than by the same map moved elsewhere (p = 0.1)'
    """

    residual: float
    grain: float
    inferred: float
    area: float | None = None
    moved: tuple[float, ...] = ()
    prior: float | None = None

    @property
    def p_value(self) -> float | None:
        """Of the deletion test: the share of maps, its own included, that are as good; None where not measured."""
        if self.area is None or not self.moved:
            return None
        return (1 + sum(other <= self.area for other in self.moved)) / (1 + len(self.moved))

    @property
    def reason(self) -> str:
        """Why it is not reliable; empty where it is."""
        if not math.isfinite(self.residual) or abs(self.residual) > 1e-3:
            return f"its values miss what they share by {self.residual:.2g}"
        if self.area is None or self.prior is None:
            return "there was no time to check it"
        if self.p_value is None or len(self.moved) < _FEWEST:
            return "it has too few parts to tell their order from chance"
        if self.p_value > _CHANCE:
            return (
                "masked by it, the class loses its score no faster than by the same map moved elsewhere "
                f"(p = {self.p_value:.2g})"
            )
        if self.area > self.prior:
            return "masked by it, the class loses its score more slowly than in an order that knows nothing of it"
        return ""

    @property
    def reliable(self) -> bool:
        """Whether every check passed."""
        return not self.reason

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        moved = sorted(self.moved)
        return {
            "reliable": self.reliable,
            "reason": self.reason,
            "residual": self.residual,
            "grain": self.grain,
            "inferred": self.inferred,
            "deletion": None
            if self.area is None
            else {
                "area": self.area,
                "prior": self.prior,
                "moved_least": moved[0] if moved else None,
                "moved_median": moved[len(moved) // 2] if moved else None,
                "p_value": self.p_value,
            },
        }
