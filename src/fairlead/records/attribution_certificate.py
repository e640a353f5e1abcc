"""What was checked of an attribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

_CHANCE, _FEWEST = 0.05, 19  # of fewer other maps, none could be told from chance


_DRIFT, _AGREEMENT, _UNMOVED = 0.25, 0.8, 0.9
_TOLD = 3.0  # standard errors of the sum: by chance alone a residual is larger once in 370 maps


@dataclass(frozen=True)
class AttributionCertificate:
    """Whether an attribution may be shown as an explanation, and why.

    The deletion test compares the attribution with itself moved elsewhere: masked by its own map, the class should
    lose its score faster than by the same map shifted around the item or turned, which has the same shape and grain;
    where there are too few parts to shift it so often, its values are dealt out anew. Under a map that knows nothing of
    the item, its own place is one among all, so that it comes first of itself and 19 others once in 20 times. Where
    insertion was measured too, what is compared is how much lower the deletion curve lies than the insertion curve.

    Attributes:
        residual: By how much the values fail to add up to what they share, in the unit of the attribution; None for a
            method whose values share nothing.
        grain: Parts in the smallest group that was measured by itself and that a part is in, in the mean weighted by
            absolute value; 1 where every part that matters was measured.
        inferred: Share of the absolute worth that was divided as it is beside other parts, or evenly; 0 where every
            value is exact.
        area: Under the deletion curve of the attribution; None where it was not measured.
        moved: Of the same attribution moved elsewhere.
        prior: Of an order that knows nothing of the item: of cells from the centre outwards, of words from the first.
        inserted: Under the insertion curve of the attribution; None where it was not measured.
        inserted_moved: Of the same attribution moved elsewhere, in the order of ``moved``.
        inserted_prior: Of the order that knows nothing.
        sum_error: Monte-Carlo standard error of the sum of the values, in their unit; 0 where none was drawn by lot.
        error: Monte-Carlo standard error of the values, as a share of their size (both as root of the sum of squares);
            None for a method that draws nothing by lot.
        agreement: Correlation of the values with those of other seeds; None where it was not measured.
        randomised: Mean absolute rank correlation with the maps of a model whose last layer was drawn anew; None
            where it was not measured.

    References:
        Petsiuk et al. (2018), RISE, for deletion and insertion; Adebayo et al. (2018), Sanity Checks for Saliency Maps.

    Examples:
        >>> AttributionCertificate(0.0, 4.0, 0.6, 0.5, (1.0,) * 19, 0.9).reliable
        True
        >>> AttributionCertificate(0.0, 4.0, 0.6, 0.5, (1.0,) * 18 + (0.4,), 0.9).reason
        'masked by it, the class loses its score no faster than by the same map moved elsewhere (p = 0.1)'
        >>> AttributionCertificate(0.0, 1.0, 0.0, 0.5, (1.0,) * 19, 0.9, error=0.6).reason
        'its values vary by 60 % of their size from draw to draw'
    """

    residual: float | None
    grain: float
    inferred: float
    area: float | None = None
    moved: tuple[float, ...] = ()
    prior: float | None = None
    inserted: float | None = None
    inserted_moved: tuple[float, ...] = ()
    inserted_prior: float | None = None
    sum_error: float = 0.0
    error: float | None = None
    agreement: float | None = None
    randomised: float | None = None

    @property
    def p_value(self) -> float | None:
        """Of the deletion test: the share of maps, its own included, that are as good; None where not measured."""
        own, moved, _ = self._curves()
        if own is None or not moved:
            return None
        return (1 + sum(other <= own for other in moved)) / (1 + len(moved))

    def _curves(self) -> tuple[float | None, tuple[float, ...], float | None]:
        """Returns what the test compares, the lower the better: of the map, of it moved elsewhere, and of the prior."""
        if self.area is None or self.inserted is None or self.prior is None or self.inserted_prior is None:
            return self.area, self.moved, self.prior
        pairs = zip(self.moved, self.inserted_moved, strict=True)
        return self.area - self.inserted, tuple(gone - came for gone, came in pairs), self.prior - self.inserted_prior

    @property
    def reason(self) -> str:
        """Why it is not reliable; empty where it is."""
        return self._of_values() or self._of_curves()

    def _of_values(self) -> str:
        if self.residual is not None:
            allowed = max(1e-3, _TOLD * self.sum_error)
            if not math.isfinite(self.residual) or abs(self.residual) > allowed:
                return f"its values miss what they share by {self.residual:.2g}"
        if self.error is not None and not self.error <= _DRIFT:
            return f"its values vary by {100 * self.error:.0f} % of their size from draw to draw"
        if self.agreement is not None and not self.agreement >= _AGREEMENT:
            return f"its values agree with those of another seed by a correlation of {self.agreement:.2f} alone"
        if self.randomised is not None and not self.randomised <= _UNMOVED:
            return (
                "a last layer drawn anew changes it little "
                f"(mean absolute rank correlation {self.randomised:.2f}), so that it does not show what was learned"
            )
        return ""

    def _of_curves(self) -> str:
        own, moved, prior = self._curves()
        if own is None or prior is None:
            return "there was no time to check it"
        if self.p_value is None or len(moved) < _FEWEST:
            return "it has too few parts to tell their order from chance"
        if self.p_value > _CHANCE:
            return (
                "masked by it, the class loses its score no faster than by the same map moved elsewhere "
                f"(p = {self.p_value:.2g})"
            )
        if own > prior:
            return "masked by it, the class loses its score more slowly than in an order that knows nothing of it"
        return ""

    @property
    def reliable(self) -> bool:
        """Whether every check passed."""
        return not self.reason

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        content = {
            "reliable": self.reliable,
            "reason": self.reason,
            "residual": self.residual,
            "grain": self.grain,
            "inferred": self.inferred,
            "deletion": None
            if self.area is None
            else {**_curve(self.area, self.prior, self.moved), "p_value": self.p_value},
        }
        if self.inserted is not None:
            content["insertion"] = _curve(self.inserted, self.inserted_prior, self.inserted_moved)
        drawn = {name: getattr(self, name) for name in ("error", "agreement", "randomised")}
        content |= {name: value for name, value in drawn.items() if value is not None}
        return content | ({"sum_error": self.sum_error} if self.sum_error else {})


def _curve(area: float, prior: float | None, moved: tuple[float, ...]) -> dict[str, float | None]:
    ranked = sorted(moved)
    return {
        "area": area,
        "prior": prior,
        "moved_least": ranked[0] if ranked else None,
        "moved_median": ranked[len(ranked) // 2] if ranked else None,
    }
