"""From what was kept of a preprocessing to the preprocessing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.preprocessing.image import ImagePreprocessing
from fairlead.preprocessing.text import TextPreprocessing
from fairlead.records import Modality


def preprocessing_of(content: Mapping[str, Any]) -> ImagePreprocessing | TextPreprocessing:
    """Reads what the ``to_dict`` of either wrote; what names no kind is of images.

    Examples:
        >>> kept = ImagePreprocessing.from_timm({"input_size": (3, 8, 8)}).to_dict()
        >>> preprocessing_of(kept).size
        (8, 8)
    """
    if content.get("kind") == Modality.TEXT:
        return TextPreprocessing.from_dict(content)
    return ImagePreprocessing.from_dict(content)
