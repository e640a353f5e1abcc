"""Drawn synthetic lesions, with the truth about each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.data.synthetic.drawing import Drawing
from fairlead.data.synthetic.row import LesionRow


@dataclass(frozen=True, eq=False)
class Lesions:
    """N drawn rows of a :class:`~fairlead.data.synthetic.world.LesionWorld`: made up, no one's skin.

    Masks and the picture without its ruler are drawn again when asked for; only the images are kept.

    Attributes:
        rows: The N facts behind the pictures, every drawn sign included.
        split: The split of each of the N rows: ``train``, ``val``, ``calibration`` or ``test``.
        images: (N, H, W, 3) uint8, RGB.
        seed: The seed of the world.

    Examples:
        >>> from fairlead.data.synthetic import LesionWorld, SplitSizes
        >>> lesions = LesionWorld(rows=SplitSizes(4, 1, 1, 2), size=32).draw()
        >>> lesions.images.shape, lesions.split[-1], set(lesions.diagnosis) <= {"benign", "malignant"}
        ((8, 32, 32, 3), 'test', True)
    """

    rows: tuple[LesionRow, ...]
    split: list[str]
    images: NDArray[np.uint8]
    seed: int

    @property
    def diagnosis(self) -> list[str]:
        """The label of each row, ``"benign"`` or ``"malignant"``."""
        return [row.diagnosis for row in self.rows]

    @property
    def tone(self) -> list[str]:
        """The skin tone of each row, ``"I"`` to ``"VI"``."""
        return [row.tone for row in self.rows]

    @property
    def ruler(self) -> list[str]:
        """Whether a ruler lies in each picture, ``"yes"`` or ``"no"``."""
        return ["yes" if row.ruler else "no" for row in self.rows]

    @property
    def hair(self) -> list[str]:
        """Whether hair lies over each picture, ``"yes"`` or ``"no"``."""
        return ["yes" if row.hair else "no" for row in self.rows]

    def lesion_mask(self, index: int) -> NDArray[np.bool_]:
        """Returns (H, W) the pixels inside the lesion's outline. The ruler never overlaps them."""
        return self._drawing(index).lesion_mask()

    def ruler_mask(self, index: int) -> NDArray[np.bool_]:
        """Returns (H, W) every pixel the ruler changes; none in a picture without a ruler."""
        return self._drawing(index).ruler_mask()

    def without_ruler(self, index: int) -> NDArray[np.uint8]:
        """Returns the (H, W, 3) picture of the same row without its ruler: equal in every other pixel."""
        return self._drawing(index).image(with_ruler=False)

    def _drawing(self, index: int) -> Drawing:
        return Drawing(self.rows[index], self.seed, self.images.shape[1])

    def __len__(self) -> int:
        return len(self.rows)
