"""Regions of pictures that should not matter, and what becomes of the answers when they are masked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairlead.audits.intervened import Intervened
from fairlead.audits.masking import FILLS, masked
from fairlead.data import RegionOf
from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.preprocessing import ImagePreprocessing


@dataclass(frozen=True)
class Border:
    """What lies near the edges of the crop, in every picture: it needs no masks. Made by ``border``.

    Attributes:
        share: Its width, as a share of the shorter side of the crop.

    Raises:
        ConfigurationError: a share that leaves nothing inside.

    Examples:
        >>> Border(0.25).crop((4, 4)).astype(int).tolist()
        [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    """

    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share < 0.5:
            raise ConfigurationError(
                f"the share of a border lies between 0 and 0.5, got {self.share}; 0.1 is a tenth of the side"
            )

    def crop(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Returns the border of a crop of (height, width): at least one pixel."""
        width = max(1, round(self.share * min(size)))
        region = np.ones(size, dtype=np.bool_)
        region[width:-width, width:-width] = False
        return region


def border(share: float = 0.1) -> Border:
    """Returns the border of every crop as a region.

    Args:
        share: Its width, as a share of the shorter side of the crop.

    Raises:
        ConfigurationError: a share that leaves nothing inside.

    Examples:
        >>> border()
        Border(share=0.1)
    """
    return Border(share)


@dataclass(frozen=True)
class CroppedRegion:
    """A declared region, as it lies in the crops that a model reads.

    Attributes:
        subject: Its name.
        region: From a row's number to its mask; or a border.
        preprocessing: Of the model.
        size_of: From a row's number to height and width of its picture, to hold the masks against; None trusts them.

    Examples:
        >>> preprocessing = ImagePreprocessing.from_timm({"input_size": (3, 2, 2), "crop_pct": 1.0})
        >>> CroppedRegion("left", lambda index: np.tri(4, k=-1, dtype=bool), preprocessing).of(0).tolist()
        [[True, False], [True, True]]
    """

    subject: str
    region: RegionOf | Border
    preprocessing: ImagePreprocessing
    size_of: Callable[[int], tuple[int, int]] | None = None

    def of(self, index: int) -> NDArray[np.bool_]:
        """Returns the (height, width) region of a row's crop.

        Raises:
            DataError: a mask that is not of the picture's size, or no mask.
        """
        if isinstance(self.region, Border):
            return self.region.crop(self.preprocessing.size)
        mask = np.asarray(self.region(index))
        if self.size_of is not None and mask.shape != tuple(self.size_of(index)):
            height, width = self.size_of(index)
            raise DataError(
                f"row {index}: the region {self.subject!r} is {mask.shape} and its picture {(height, width)}, height "
                "and width; give a mask of the picture as it is read, upright and before it is resized"
            )
        try:
            return self.preprocessing.region_crop(mask)
        except DataError as error:
            raise DataError(f"row {index}, region {self.subject!r}: {error}") from error


@dataclass(frozen=True)
class RegionMask:
    """Masks a declared region in every picture that has it.

    Attributes:
        region: Where it lies.
        fill: What stands in its place: ``inpaint``, the surroundings gone on with; ``blur``; or ``mean``. The first
            is the default, for it puts nothing there that a model might take for an object.

    Raises:
        UnknownNameError: no such fill.

    Examples:
        >>> preprocessing = ImagePreprocessing.from_timm({"input_size": (3, 4, 4), "crop_pct": 1.0})
        >>> mask = RegionMask(CroppedRegion("border", border(0.25), preprocessing), fill="mean")
        >>> picture = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
        >>> picture[..., 1:3, 1:3] = 9
        >>> mask.apply(picture, np.array([7])).after.unique().tolist()
        [9]
    """

    region: CroppedRegion
    fill: str = "inpaint"

    def __post_init__(self) -> None:
        if self.fill not in FILLS:
            raise UnknownNameError("fill", self.fill, list(FILLS))

    @property
    def subject(self) -> str:
        """The region's name."""
        return self.region.subject

    def apply(self, inputs: Tensor, index: NDArray[np.int64]) -> Intervened:
        """Masks the region in those of (N, 3, H, W) uint8 crops whose crop shows any of it.

        Raises:
            DataError: inputs that are no such crops, or a region that is not of its picture.
        """
        if inputs.dtype != torch.uint8 or inputs.ndim != 4 or inputs.shape[2:] != self.region.preprocessing.size:
            raise DataError(
                f"a region is masked in (N, 3, height, width) uint8 crops of {self.region.preprocessing.size}, got "
                f"{inputs.dtype} of {tuple(inputs.shape)}; give the pixels as they are before they are normalised"
            )
        found = {row: self.region.of(int(number)) for row, number in enumerate(index)}
        rows = np.array([row for row, region in found.items() if region.any()], dtype=np.int64)
        before = inputs[torch.from_numpy(rows).to(inputs.device)]
        pixels = before.cpu().numpy()
        after = [masked(picture, found[row], self.fill) for row, picture in zip(rows.tolist(), pixels, strict=True)]
        changed = torch.from_numpy(np.stack(after)).to(inputs.device) if after else before
        return Intervened(rows, before, changed)

    def others(self, inputs: Tensor, index: NDArray[np.int64]) -> Iterator[Intervened]:
        """Gives nothing: a region is filled in one way."""
        del inputs, index
        yield from ()
