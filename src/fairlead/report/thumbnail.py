"""A picture as large as there is room for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fairlead.errors import DataError


def thumbnail(pixels: NDArray[np.uint8], side: int, name: str) -> Image.Image:
    """Scales a picture so that its longer side is ``side``; its proportions stay, and a tiny one shows its pixels.

    Args:
        pixels: (H, W, 3).
        side: In pixels.
        name: Of the picture, for the error.

    Raises:
        DataError: other pixels, or none.

    Examples:
        >>> thumbnail(np.zeros((8, 30, 3), dtype=np.uint8), 60, "row 1").size
        (60, 16)
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise DataError(
            f"the picture of {name!r} is {pixels.dtype} of shape {pixels.shape}; give (H, W, 3) pixels of uint8"
        )
    scale = side / max(pixels.shape[:2])
    height, width = (max(1, round(length * scale)) for length in pixels.shape[:2])
    how = Image.Resampling.NEAREST if scale >= 4 else Image.Resampling.LANCZOS
    return Image.fromarray(np.ascontiguousarray(pixels)).resize((width, height), how)
