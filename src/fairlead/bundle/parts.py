"""The parts of a picture or a text that an explanation shares its worth among, and what stands where one is masked."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from fairlead.bundle.reader import Read
from fairlead.bundle.runtime import Inputs
from fairlead.errors import UnknownNameError
from fairlead.measures import centre_map
from fairlead.preprocessing import ImagePreprocessing, TextPreprocessing

_CELLS, _SMALLEST = 14, 4  # cells a side at most, and pixels a cell at least


class Parts(Protocol):
    """The parts of one item, laid out in rows and columns."""

    shape: tuple[int, int]
    mask: str
    spans: tuple[tuple[int, int, int], ...]  # of words: part of a pair, first character, the one after the last

    def shown(self, plays: NDArray[np.bool_]) -> Inputs:
        """Returns the inputs of N versions of the item, from (N, rows, columns) the parts shown in each."""
        ...

    def prior(self) -> NDArray[np.float64]:
        """Returns (rows, columns) a map that knows nothing of the item: what a good one must beat."""
        ...


class Cells:
    """The cells of a picture.

    Args:
        read: The picture, as its predictor reads it.
        preprocessing: The predictor's.
        mask: ``"blur"``, the picture out of focus, or ``"mean"``, the mean colour of the backbone's training.

    Raises:
        UnknownNameError: no such mask.

    Examples:
        >>> Cells.grid(224, 224), Cells.grid(8, 30)
        ((14, 14), (2, 7))
    """

    MASKS = ("blur", "mean")
    spans: tuple[tuple[int, int, int], ...] = ()

    def __init__(self, read: Read, preprocessing: ImagePreprocessing, mask: str = MASKS[0]) -> None:
        if mask not in self.MASKS:
            raise UnknownNameError("mask", mask, self.MASKS)
        self.mask = mask
        self._pixels = read.inputs
        self.shape = self.grid(*read.inputs.shape[1:])
        self._hidden = _mean(preprocessing, read.inputs) if mask == "mean" else _blurred(read.inputs)

    @staticmethod
    def grid(height: int, width: int) -> tuple[int, int]:
        """Returns rows and columns of cells for a crop of that size in pixels."""
        rows, columns = (max(1, min(_CELLS, side // _SMALLEST)) for side in (height, width))
        return rows, columns

    def shown(self, plays: NDArray[np.bool_]) -> Inputs:
        """Returns (N, 3, H, W) pixels, masked where a cell does not play."""
        sides = zip(self._pixels.shape[1:], plays.shape[1:], strict=True)
        down, across = (_lines(side, cells) for side, cells in sides)
        where = plays.repeat(down, axis=1).repeat(across, axis=2)[:, None]
        return np.where(where, self._pixels, self._hidden)

    def prior(self) -> NDArray[np.float64]:
        """Returns a map that falls from the centre, where most pictures have what they are of."""
        return centre_map(*self.shape)


class WordParts:
    """The words of a text. A word that is masked is left out: the model attends to none of its tokens.

    Nothing is put in its place, for a token that stands for others was seen in no fine-tuning; what is left keeps its
    position.

    Args:
        read: The text, as its predictor reads it.
        preprocessing: The predictor's.
        mask: ``"absent"``.

    Raises:
        UnknownNameError: another mask.
    """

    MASKS = ("absent",)

    def __init__(self, read: Read, preprocessing: TextPreprocessing, mask: str = MASKS[0]) -> None:
        if mask not in self.MASKS:
            raise UnknownNameError("mask", mask, self.MASKS)
        self.mask = mask
        self._planes = read.inputs
        words = preprocessing.words(read.item)
        self._of_token = words.of_token
        self.spans = words.spans
        self.shape = (1, max(1, len(words.spans)))

    def shown(self, plays: NDArray[np.bool_]) -> Inputs:
        """Returns (N, 3, T) tokens; those of words that do not play are attended to by none."""
        planes = np.repeat(self._planes[None], len(plays), axis=0)
        of_word = self._of_token >= 0
        planes[:, 1, of_word] &= plays[:, 0, self._of_token[of_word]]
        return planes

    def prior(self) -> NDArray[np.float64]:
        """Returns a map that falls from the first word to the last."""
        return -np.arange(self.shape[1], dtype=np.float64)[None]


def parts_of(read: Read, preprocessing: ImagePreprocessing | TextPreprocessing, mask: str | None = None) -> Parts:
    """Returns the parts of an item; the mask is the modality's own unless one is named."""
    if isinstance(preprocessing, TextPreprocessing):
        return WordParts(read, preprocessing, mask or WordParts.MASKS[0])
    return Cells(read, preprocessing, mask or Cells.MASKS[0])


def _mean(preprocessing: ImagePreprocessing, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    colour = np.round(255 * np.array(preprocessing.mean)).astype(np.uint8)
    return np.broadcast_to(colour[:, None, None], pixels.shape)


def _blurred(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    picture = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    blurred = picture.filter(ImageFilter.GaussianBlur(max(pixels.shape[1:]) / 10))
    return np.asarray(blurred).transpose(2, 0, 1)


def _lines(side: int, cells: int) -> NDArray[np.int64]:
    """Returns the pixels of each cell along a side; they differ by one at most."""
    ends = np.linspace(0, side, cells + 1).round().astype(np.int64)
    return np.asarray(ends[1:] - ends[:-1], dtype=np.int64)
