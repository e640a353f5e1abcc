"""Batches of evaluation crops, decoded ahead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from fairlead.data.augmentation import pixels
from fairlead.data.pictures import Pictures
from fairlead.errors import UnreadableFileError
from fairlead.preprocessing import ImagePreprocessing

# Decoding runs ahead of the network by so many batches: enough to keep it busy, little memory.
AHEAD = 4


class PictureStream:
    """Every picture once, in order, while threads decode the next ones; Pillow releases Python's lock.

    A picture that cannot be decoded comes as black and is remembered; what becomes of it the caller decides.

    Args:
        pictures: N pictures.
        preprocessing: The evaluation crop.
        batch_size: Pictures at a time.

    Attributes:
        unreadable: The reason by the picture's index; complete when the stream has been read.

    Examples:
        >>> import numpy as np
        >>> from fairlead.data import ArrayPictures
        >>> preprocessing = ImagePreprocessing.from_timm({"input_size": (3, 8, 8)})
        >>> stream = PictureStream(ArrayPictures(np.zeros((3, 9, 9, 3), np.uint8), "black"), preprocessing, 2)
        >>> [(rows, tuple(inputs.shape)) for rows, inputs in stream]
        [(slice(0, 2, None), (2, 3, 8, 8)), (slice(2, 3, None), (1, 3, 8, 8))]
    """

    def __init__(self, pictures: Pictures, preprocessing: ImagePreprocessing, batch_size: int) -> None:
        self.pictures = pictures
        self.preprocessing = preprocessing
        self.batch_size = batch_size
        self.unreadable: dict[int, str] = {}

    @property
    def parts(self) -> list[slice]:
        """The rows of each batch."""
        count, size = len(self.pictures), self.batch_size
        return [slice(start, min(start + size, count)) for start in range(0, count, size)]

    def __len__(self) -> int:
        return -(-len(self.pictures) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        """Yields the rows of a batch and their (B, 3, H, W) uint8 pixels."""
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            pending: list[tuple[slice, list[Future[Tensor]]]] = []
            for rows in self.parts:
                pending.append((rows, [pool.submit(self.read, index) for index in range(rows.start, rows.stop)]))
                if len(pending) > AHEAD:
                    yield self._gather(*pending.pop(0))
            while pending:
                yield self._gather(*pending.pop(0))

    def inputs(self, rows: slice) -> Tensor:
        """Returns (B, 3, H, W) uint8 pixels of some rows, decoded by whoever asks."""
        return torch.stack([self.read(index) for index in range(rows.start, rows.stop)])

    def read(self, index: int) -> Tensor:
        """Returns (3, H, W) uint8 pixels; black, and remembered, where they cannot be read."""
        try:
            return pixels(self.pictures.read(index), self.preprocessing)
        except UnreadableFileError as error:
            self.unreadable[index] = str(error)
            return torch.zeros((3, *self.preprocessing.size), dtype=torch.uint8)

    @staticmethod
    def _gather(rows: slice, decoded: list[Future[Tensor]]) -> tuple[slice, Tensor]:
        return rows, torch.stack([future.result() for future in decoded])

    def raise_unreadable(self) -> None:
        """Raises what was remembered, all in one message.

        Raises:
            UnreadableFileError: pictures could not be decoded; they are counted and the first are named.
        """
        if self.unreadable:
            reasons = [self.unreadable[index] for index in sorted(self.unreadable)]
            more = f" (and {len(reasons) - 3} more)" if len(reasons) > 3 else ""
            raise UnreadableFileError(
                f"{len(reasons)} of {len(self.pictures)} pictures cannot be read: {'; '.join(reasons[:3])}{more}"
            )
