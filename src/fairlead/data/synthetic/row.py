"""The facts of one row of a synthetic dataset, before any pixel is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairlead.data.synthetic.signs import LesionSigns

# The place in the tuple is the key of the random stream: append, never reorder.
_STREAMS = ("facts", "outline", "colours", "hair", "ruler", "noise")


@dataclass(frozen=True)
class LesionRow:
    """Everything that was decided about a row.

    Attributes:
        number: The row's number in its dataset, from 0.
        malignant: The truth.
        tone: Skin tone, I (lightest) to VI (darkest).
        faint: Malignant, yet its signs were drawn as for a benign lesion.
        ruler: A ruler lies in the picture.
        hair: Hair lies over the skin.
        signs: The degrees of the four signs that are drawn.

    Examples:
        >>> row = LesionRow(7, True, "II", False, False, False, LesionSigns(0.5, 0.5, 0.5, 0.5))
        >>> row.diagnosis, row.stream(0, "hair").random() == row.stream(0, "hair").random()
        ('malignant', True)
    """

    number: int
    malignant: bool
    tone: str
    faint: bool
    ruler: bool
    hair: bool
    signs: LesionSigns

    @property
    def diagnosis(self) -> str:
        """``"benign"`` or ``"malignant"``."""
        return "malignant" if self.malignant else "benign"

    def stream(self, seed: int, purpose: str) -> np.random.Generator:
        """Returns the random stream of this row for one purpose: it depends on nothing else."""
        return row_stream(seed, self.number, purpose)


def row_stream(seed: int, number: int, purpose: str) -> np.random.Generator:
    """Returns the random stream of a row for one purpose; neighbouring rows and seeds are independent.

    Examples:
        >>> float(row_stream(0, 3, "noise").random()) != float(row_stream(0, 4, "noise").random())
        True
    """
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(number, _STREAMS.index(purpose)))
    return np.random.Generator(np.random.PCG64(sequence))
