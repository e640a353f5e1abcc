"""One row of a dataset, and what a model was shown to look at in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.records.attribution import Attribution


@dataclass(frozen=True, eq=False)
class ExplainedRow:
    """A row with its attribution: what a picture of it is drawn from.

    Attributes:
        index: The row's number in its dataset.
        name: What a person calls it.
        attribution: Of the class ``attribution.label``.
        predicted: The class that the model answers.
        target: The true class; empty where it is not known.
        groups: For each declared sensitive feature its group; empty where the value is missing.
        item: (3, H, W) uint8 pixels of the crop that the model saw, or the words of a text.
        mass: Share of the absolute attribution on each declared region that the row has.

    Examples:
        >>> from fairlead.records import AttributionCertificate
        >>> found = Attribution("yes", np.array([[1.0, 2.0]]), 0.5, 3.5, AttributionCertificate(0.0, 1.0, 0.0))
        >>> ExplainedRow(7, "row 7", found, "yes", "no", (), ("a", "word"), {}).wrong
        True
    """

    index: int
    name: str
    attribution: Attribution
    predicted: str
    target: str
    groups: tuple[str, ...]
    item: NDArray[np.uint8] | tuple[str, ...]
    mass: dict[str, float]

    @property
    def wrong(self) -> bool:
        """Whether the answer is known to be wrong."""
        return bool(self.target) and self.target != self.predicted
