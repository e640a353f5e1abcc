"""Where the pictures of a dataset lie."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fairlead.data.items import Items
from fairlead.errors import UnreadableFileError
from fairlead.preprocessing import decode_image
from fairlead.records import Modality


class Pictures(Items, Protocol):
    """N pictures by their row's number. Safe to read from several threads."""

    def read(self, index: int) -> Image.Image:
        """Returns a picture, upright, in RGB.

        Raises:
            UnreadableFileError: it cannot be decoded.
        """
        ...


class FilePictures:
    """Pictures in files.

    Args:
        files: One path a row.
        root: Names are given relative to it.
    """

    modality = Modality.IMAGE

    def __init__(self, files: Sequence[Path], root: Path) -> None:
        self.files = list(files)
        self.root = root

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> Image.Image:
        """Decodes one file."""
        return decode_image(self.files[index])

    def name(self, index: int) -> str:
        """Returns the path below the root; bytes that are no UTF-8 are shown as U+FFFD, so that it can be written."""
        file = self.files[index]
        name = file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else str(file)
        return os.fsencode(name).decode("utf-8", "replace")

    def digest(self, index: int) -> bytes:
        """Digests the file's bytes."""
        return hashlib.sha256(self.content(index)).digest()

    def content(self, index: int) -> bytes:
        """Reads the file's bytes."""
        try:
            return self.files[index].read_bytes()
        except OSError as error:
            raise UnreadableFileError(
                f"{self.files[index]} cannot be read ({error.strerror}); mend it or take its row out"
            ) from error


class ArrayPictures:
    """Pictures in memory, such as generated ones.

    Args:
        images: (N, H, W, 3) uint8.
        kind: What names start with, e.g. ``"synthetic-lesion"``.
    """

    modality = Modality.IMAGE

    def __init__(self, images: NDArray[np.uint8], kind: str) -> None:
        self.images = images
        self.kind = kind

    def __len__(self) -> int:
        return len(self.images)

    def read(self, index: int) -> Image.Image:
        """Wraps one picture."""
        return Image.fromarray(self.images[index])

    def content(self, index: int) -> bytes:
        """Writes one picture as PNG, which loses nothing."""
        stream = io.BytesIO()
        self.read(index).save(stream, "PNG")
        return stream.getvalue()

    def name(self, index: int) -> str:
        """Returns the kind and the number."""
        return f"{self.kind}-{index:06d}"

    def digest(self, index: int) -> bytes:
        """Digests the pixels."""
        return hashlib.sha256(np.ascontiguousarray(self.images[index]).tobytes()).digest()
