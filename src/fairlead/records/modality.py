"""What a dataset, a model and a bundle are of."""

from __future__ import annotations

from enum import StrEnum


class Modality(StrEnum):
    """Images or texts: it decides how an item is read, shown and sent, each looked up by it.

    Examples:
        >>> Modality("text")
        <Modality.TEXT: 'text'>
    """

    IMAGE = "image"
    TEXT = "text"
