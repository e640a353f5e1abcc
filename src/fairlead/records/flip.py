"""An answer that hangs on what was masked or swapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Flip:
    """How a row was answered before and after an intervention.

    Attributes:
        subject: What was masked or swapped.
        index: The row's number in its dataset.
        before: The class answered before.
        after: The class answered after; the same one where only its probability fell.
        probability_before: Of the class answered before.
        probability_after: Of that same class.
        texts: The text, or pair, before and after; empty for a picture, which can be masked again.
        name: What a person calls the row.

    Examples:
        >>> flip = Flip("ruler", 7, "malignant", "benign", 0.9, 0.2)
        >>> flip.changed, round(flip.fall, 3)
        (True, 0.7)
    """

    subject: str
    index: int
    before: str
    after: str
    probability_before: float
    probability_after: float
    texts: tuple[str | tuple[str, str], ...] = ()
    name: str = ""

    @property
    def changed(self) -> bool:
        """Whether the answer is another."""
        return self.before != self.after

    @property
    def fall(self) -> float:
        """By how much the probability of the class that was answered fell."""
        return self.probability_before - self.probability_after

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "subject": self.subject,
            "index": self.index,
            "name": self.name,
            "before": self.before,
            "after": self.after,
            "probability_before": self.probability_before,
            "probability_after": self.probability_after,
            "texts": [text if isinstance(text, str) else list(text) for text in self.texts],
        }
