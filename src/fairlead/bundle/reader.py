"""From what a caller sends to what a graph takes: one reader for each modality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.runtime import Inputs, Shape
from fairlead.errors import UnreadableFileError
from fairlead.preprocessing import (
    MAX_PIXELS,
    ImagePreprocessing,
    Text,
    TextPreprocessing,
    decode_image,
    picture_properties,
    text_properties,
)
from fairlead.records import Modality

Item = bytes | Path | Text
# Texts of a batch: of a few tokens, eight together take half the time of each alone; from 64 tokens on, none is gained.
_TOGETHER, _TOKENS_TOGETHER = 8, 512
_LONGER, _BY = 1.25, 2  # what the longest may have beside the shortest: what is filled up costs as much as tokens do


@dataclass(frozen=True, eq=False)
class Read:
    """One item as a graph takes it.

    Attributes:
        inputs: (3, H, W) uint8 pixels, or (3, T) int32 token ids, attention mask and token types.
        truncated: Whether a text has more than is read of it.
        item: What was read.
        original: Height and width in pixels of the picture that a crop was cut from; None for a text.
    """

    inputs: Inputs
    truncated: bool = False
    item: Any = None
    original: tuple[int, int] | None = None


class Reader(Protocol):
    """Reads items of one modality. Safe to call from several threads."""

    modality: Modality
    port: str  # the name of a graph's input
    ahead: int  # so many items are held as inputs at a time where they are many

    @property
    def wants(self) -> str:
        """What the graph must take, in words."""
        ...

    def fits(self, kind: str, shape: Shape) -> bool:
        """Returns whether a graph's input, without its rows, is what is read."""
        ...

    def read(self, item: Any, *, max_pixels: int = MAX_PIXELS) -> Read:
        """Reads an item.

        Raises:
            UnreadableFileError: it cannot be read.
        """
        ...

    def properties(self, read: Read) -> dict[str, float]:
        """Returns simple numbers of an item by name; what cannot be measured is left out."""
        ...

    def stack(self, read: Sequence[Inputs]) -> Inputs:
        """Makes one batch of N inputs."""
        ...

    def batches(self, read: Sequence[Inputs]) -> Iterator[tuple[NDArray[np.int64], Inputs]]:
        """Yields batches that cost little beside what they hold, each with the places of its rows."""
        ...

    def extreme(self) -> Inputs | None:
        """Returns inputs of one row that ask the most of a graph; None where its input's shape says all."""
        ...


class PictureReader:
    """Decodes a picture and cuts what the model sees of it.

    Args:
        preprocessing: The model's.
    """

    modality = Modality.IMAGE
    port = "pixels"
    ahead = 8  # a crop takes 150 kB, and what it was cut from is let go

    def __init__(self, preprocessing: ImagePreprocessing) -> None:
        self._preprocessing = preprocessing

    @property
    def wants(self) -> str:
        """What the graph must take, in words."""
        height, width = self._preprocessing.size
        return f"pixels of {height} x {width}"

    def fits(self, kind: str, shape: Shape) -> bool:
        """Returns whether the input is (3, H, W) uint8 pixels of the size that is cut."""
        return kind == "uint8" and shape == (3, *self._preprocessing.size)

    def read(self, item: bytes | Path, *, max_pixels: int = MAX_PIXELS) -> Read:
        """Decodes the bytes of a picture, or its file; larger ones are refused before that.

        Raises:
            UnreadableFileError: it cannot be decoded.
        """
        picture = decode_image(item, max_pixels=max_pixels)
        crop = self._preprocessing.evaluation_crop(picture)
        pixels = np.ascontiguousarray(crop.transpose(2, 0, 1))
        return Read(pixels, item=item, original=(picture.height, picture.width))

    def properties(self, read: Read) -> dict[str, float]:
        """Returns the brightness of a crop and the like, and the size of its picture."""
        return picture_properties(read.inputs, read.original)

    def stack(self, read: Sequence[Inputs]) -> Inputs:
        """Makes (N, 3, H, W) of N crops."""
        return np.stack(read)

    def batches(self, read: Sequence[Inputs]) -> Iterator[tuple[NDArray[np.int64], Inputs]]:
        """Yields all of them at once: crops are of one size."""
        yield np.arange(len(read)), self.stack(read)

    def extreme(self) -> None:
        """Returns nothing: any pixels will do."""


class TextReader:
    """Cuts a text, or a pair of texts, into tokens.

    Args:
        preprocessing: The model's tokenizer, and how many tokens it reads.
    """

    modality = Modality.TEXT
    port = "tokens"
    ahead = 1024  # tokens take next to nothing, and the more there are, the more are of one length

    def __init__(self, preprocessing: TextPreprocessing) -> None:
        self._preprocessing = preprocessing

    @property
    def wants(self) -> str:
        """What the graph must take, in words."""
        return "tokens of any number"

    def fits(self, kind: str, shape: Shape) -> bool:
        """Returns whether the input is (3, T) int32 with T free."""
        return kind == "int32" and len(shape) == 2 and shape[0] == 3 and not isinstance(shape[1], int)

    def read(self, item: Text, *, max_pixels: int = MAX_PIXELS) -> Read:
        """Cuts a text; of a very long one, no more is looked at than can be read.

        Raises:
            UnreadableFileError: there is no text in it.
        """
        del max_pixels
        if not all(part.strip() for part in ((item,) if isinstance(item, str) else item)):
            raise UnreadableFileError("there is no text in it; give at least one character that is no blank")
        cut = self._preprocessing.tokens([item])
        return Read(cut.planes[0], bool(cut.truncated[0]), item)

    def properties(self, read: Read) -> dict[str, float]:
        """Returns the number of tokens and the like."""
        return text_properties(read.inputs, read.item, self._preprocessing, truncated=read.truncated)

    def stack(self, read: Sequence[Inputs]) -> Inputs:
        """Makes (N, 3, T), filled up to the longest of N texts."""
        longest = max(planes.shape[1] for planes in read)
        stacked = np.zeros((len(read), 3, longest), dtype=np.int32)
        stacked[:, 0] = self._preprocessing.pad_id
        for row, planes in enumerate(read):
            stacked[row, :, : planes.shape[1]] = planes
        return stacked

    def batches(self, read: Sequence[Inputs]) -> Iterator[tuple[NDArray[np.int64], Inputs]]:
        """Yields a few texts of similar length at a time, the shortest first."""
        lengths = np.array([planes.shape[1] for planes in read], dtype=np.int64)
        waiting = np.argsort(lengths, kind="stable")
        while len(waiting):
            sizes = lengths[waiting[:_TOGETHER]]
            fits = (sizes <= _LONGER * sizes[0] + _BY) & (sizes * np.arange(1, len(sizes) + 1) <= _TOKENS_TOGETHER)
            fits[0] = True
            places, waiting = np.split(
                waiting, [int(fits.sum())]
            )  # both bounds only tighten: those that fit come first
            yield places, self.stack([read[place] for place in places])

    def extreme(self) -> Inputs:
        """Returns as many tokens as are read, the last one of the vocabulary each."""
        planes = np.zeros((1, 3, self._preprocessing.max_tokens), dtype=np.int32)
        planes[:, 0], planes[:, 1] = self._preprocessing.vocabulary - 1, 1
        return planes


def reader_of(preprocessing: ImagePreprocessing | TextPreprocessing) -> Reader:
    """Returns the reader of a model's items.

    Examples:
        >>> pictures = ImagePreprocessing.from_timm({"input_size": (3, 8, 8), "crop_pct": 1.0})
        >>> reader_of(pictures).wants
        'pixels of 8 x 8'
    """
    if isinstance(preprocessing, TextPreprocessing):
        return TextReader(preprocessing)
    return PictureReader(preprocessing)
