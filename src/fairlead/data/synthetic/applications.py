"""Written synthetic job applications, with the truth about each."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.data.synthetic.application_letter import Letter
from fairlead.data.synthetic.application_row import ApplicationRow


@dataclass(frozen=True, eq=False)
class Applications:
    """N written rows of an ``ApplicationWorld``: made up, no one's life.

    Attributes:
        rows: The N facts behind the texts.
        split: The split of each of the N rows: ``train``, ``val``, ``calibration`` or ``test``.
        letters: The N texts, with the place of the identity term in each.

    Examples:
        >>> from fairlead.data.synthetic import ApplicationWorld, SplitSizes
        >>> drawn = ApplicationWorld(rows=SplitSizes(4, 1, 1, 2)).draw()
        >>> start, end = drawn.letters[0].span
        >>> drawn.texts[0][start:end] == drawn.identity[0]
        True
    """

    rows: tuple[ApplicationRow, ...]
    split: list[str]
    letters: tuple[Letter, ...]

    @property
    def texts(self) -> list[str]:
        """The text of each row."""
        return [letter.text for letter in self.letters]

    @property
    def decision(self) -> list[str]:
        """The label of each row, ``"decline"`` or ``"invite"``."""
        return [row.decision for row in self.rows]

    @property
    def identity(self) -> list[str]:
        """The identity term in each text."""
        return [row.identity for row in self.rows]

    @property
    def style(self) -> list[str]:
        """How each text is written: ``"casual"``, ``"formal"`` or ``"terse"``."""
        return [row.style for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)
