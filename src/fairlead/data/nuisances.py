"""What in a dataset's rows should not matter to an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fairlead.data.pictures import Pictures
from fairlead.errors import DataError
from fairlead.preprocessing import decode_image

RegionOf = Callable[[int], NDArray[np.bool_]]
"""From a row's number to its (H, W) region, in the coordinates of the picture before it is resized."""


@dataclass(frozen=True)
class Nuisances:
    """Regions of pictures, and terms of texts, that were declared not to matter.

    Attributes:
        regions: By name; a row without the region has a mask that is False everywhere, of any size.
        terms: Lists of terms that may stand for each other.

    Examples:
        >>> declared = Nuisances({"odd": lambda index: np.full((2, 2), index % 2 == 1)})
        >>> bool(declared.choose(np.array([5, 4])).regions["odd"](0).all())
        True
    """

    regions: Mapping[str, RegionOf] = field(default_factory=dict)
    terms: Sequence[Sequence[str]] = ()

    def __bool__(self) -> bool:
        """Whether anything was declared."""
        return bool(self.regions or self.terms)

    def choose(self, rows: NDArray[np.int64]) -> Nuisances:
        """Returns the same for some of the rows, under new numbers."""
        return Nuisances({name: _Chosen(region, rows) for name, region in self.regions.items()}, self.terms)


@dataclass(frozen=True, eq=False)
class _Chosen:
    region: RegionOf
    rows: NDArray[np.int64]

    def __call__(self, index: int) -> NDArray[np.bool_]:
        return self.region(int(self.rows[index]))


@dataclass(frozen=True, eq=False)
class MaskFiles:
    """Regions in files of their own: every pixel that is not black belongs to the region.

    Attributes:
        files: One for each row; None where the row has none.
        pictures: Of the same rows.

    Examples:
        >>> MaskFiles([None], None)(0).any()
        np.False_
    """

    files: Sequence[Path | None]
    pictures: Pictures | None

    def __call__(self, index: int) -> NDArray[np.bool_]:
        """Returns the (H, W) region of a row.

        Raises:
            DataError: a mask of another size than its picture.
            UnreadableFileError: a file that cannot be decoded.
        """
        file = self.files[index]
        if file is None:
            return np.zeros((1, 1), dtype=np.bool_)
        mask = np.asarray(np.asarray(decode_image(file)).any(axis=2), dtype=np.bool_)
        if self.pictures is not None:
            width, height = self.pictures.read(index).size
            if mask.shape != (height, width):
                raise DataError(
                    f"the mask {file} is {mask.shape[1]} x {mask.shape[0]} pixels, and its picture "
                    f"{self.pictures.name(index)} {width} x {height}; give a mask of the picture's own size"
                )
        return mask
