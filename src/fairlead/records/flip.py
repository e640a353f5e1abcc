"""One row whose answer changed when something in it was masked or swapped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Flip:
    """A row before and after an intervention.

    Attributes:
        index: The row's number in its dataset.
        name: What a person calls it.
        subject: What was masked or swapped: a region's name, or a list of terms.
        before: The class that the model answered.
        after: The class that it answers now.
        before_probability: Of the class ``before``, as the row was.
        after_probability: Of the class ``after``, as the row is now.
        text: The text, or the pair of texts, as it was; None for a picture.
        swapped: The same with the term swapped; None for a picture.

    Examples:
        >>> Flip(7, "row 7", "he / she", "invite", "decline", 0.9, 0.6, "He writes.", "She writes.").changed
        True
    """

    index: int
    name: str
    subject: str
    before: str
    after: str
    before_probability: float
    after_probability: float
    text: str | tuple[str, str] | None = None
    swapped: str | tuple[str, str] | None = None

    @property
    def changed(self) -> bool:
        """Whether the answer is another class, and not only another probability of it."""
        return self.before != self.after
