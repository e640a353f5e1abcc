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
from fairlead.preprocessing import MAX_PIXELS, ImagePreprocessing, Text, TextPreprocessing, decode_image
from fairlead.records import Modality

Item = bytes | Path | Text
_TEXTS_TOGETHER = 8  # by length: more fill up the short ones, and a processor gains nothing from them


@dataclass(frozen=True, eq=False)
class Read:
    """One item as a graph takes it.

    Attributes:
        inputs: (3, H, W) uint8 pixels, or (3, T) int32 token ids, attention mask and token types.
        truncated: Whether a text has more than is read of it.
        item: What was read.
    """

    inputs: Inputs
    truncated: bool = False
    item: Any = None


class Reader(Protocol):
    """Reads items of one modality. Safe to call from several threads."""

    modality: Modality
    port: str  # the name of a graph's input

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

    def stack(self, read: Sequence[Inputs]) -> Inputs:
        """Makes one batch of N inputs."""
        ...

    def batches(self, read: Sequence[Inputs]) -> Iterator[tuple[NDArray[np.int64], Inputs]]:
        """Yields batches that cost little beside what they hold, each with the places of its rows."""
        ...


class PictureReader:
    """Decodes a picture and cuts what the model sees of it.

    Args:
        preprocessing: The model's.
    """

    modality = Modality.IMAGE
    port = "pixels"

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
        crop = self._preprocessing.evaluation_crop(decode_image(item, max_pixels=max_pixels))
        return Read(np.ascontiguousarray(crop.transpose(2, 0, 1)), item=item)

    def stack(self, read: Sequence[Inputs]) -> Inputs:
        """Makes (N, 3, H, W) of N crops."""
        return np.stack(read)

    def batches(self, read: Sequence[Inputs]) -> Iterator[tuple[NDArray[np.int64], Inputs]]:
        """Yields all of them at once: crops are of one size."""
        yield np.arange(len(read)), self.stack(read)


class TextReader:
    """Cuts a text, or a pair of texts, into tokens.

    Args:
        preprocessing: The model's tokenizer, and how many tokens it reads.
    """

    modality = Modality.TEXT
    port = "tokens"

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

    def stack(self, read: Sequence[Inputs]) -> Inputs:
        """Makes (N, 3, T), filled up to the longest of N texts."""
        longest = max(planes.shape[1] for planes in read)
        stacked = np.zeros((len(read), 3, longest), dtype=np.int32)
        stacked[:, 0] = self._preprocessing.pad_id
        for row, planes in enumerate(read):
            stacked[row, :, : planes.shape[1]] = planes
        return stacked

    def batches(self, read: Sequence[Inputs]) -> Iterator[tuple[NDArray[np.int64], Inputs]]:
        """Yields a few texts of similar length at a time."""
        order = np.argsort([planes.shape[1] for planes in read], kind="stable")
        for start in range(0, len(order), _TEXTS_TOGETHER):
            places = order[start : start + _TEXTS_TOGETHER]
            yield places, self.stack([read[place] for place in places])


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
