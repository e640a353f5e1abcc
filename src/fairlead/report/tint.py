"""The colours of an attribution: what speaks for a class is red, what speaks against it blue.

One scale for pictures and words, on a sheet, on a page and in a service: Pillow and NumPy alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FOR, AGAINST = (178, 24, 43), (33, 102, 172)  # told apart in every colour vision
_MOST, _MOST_ON_PAPER = 0.85, 0.5  # how far a colour covers what it lies on: a picture, or a word, which is to be read


def strong(values: NDArray[np.float64]) -> float:
    """Returns the size of value from which colours are full: few cells reach it, and no single one fades the rest.

    Examples:
        >>> strong(np.array([[0.0, -2.0]])) <= 2.0, strong(np.zeros((0, 3)))
        (True, 1e-12)
    """
    sizes = np.abs(values[np.isfinite(values)])
    return max(float(np.quantile(sizes, 0.97)), 1e-12) if sizes.size else 1e-12


def strengths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns for each value from 0 to 1 how strong its colour is; 0 for one that is not finite.

    Examples:
        >>> strengths(np.array([0.0, -3.0, 3.0, np.nan])).tolist()
        [0.0, 1.0, 1.0, 0.0]
    """
    return np.nan_to_num(np.minimum(np.abs(values) / strong(values), 1), nan=0.0)


def on_paper(values: NDArray[np.float64]) -> list[tuple[int, int, int]]:
    """Returns the colour of the paper under each of N words; black letters can be read on every one.

    Examples:
        >>> on_paper(np.array([1.0, -1.0, 0.0]))
        [(216, 140, 149), (144, 178, 214), (255, 255, 255)]
    """
    colours = np.where(values[:, None] > 0, FOR, AGAINST)
    covers = _MOST_ON_PAPER * strengths(values)[:, None]
    mixed = np.rint(255 + covers * (colours - 255)).astype(int)
    return [(int(red), int(green), int(blue)) for red, green, blue in mixed]


def overlay(shown: Image.Image, values: NDArray[np.float64]) -> Image.Image:
    """Returns the picture in grey, under the colours of a map of it.

    Each cell is drawn as large as it is: nothing is smoothed that was not measured. Only of a map that is finer than
    the picture are the values of the cells under one pixel averaged.

    Args:
        shown: The picture, as large as it is drawn.
        values: (rows, columns) of the cells; they need not divide the picture.

    Examples:
        >>> red = overlay(Image.new("RGB", (9, 7), "white"), np.array([[1.0, 0.0]])).getpixel((0, 0))
        >>> red[0] > red[2] + 100
        True
    """
    whole = Image.fromarray(np.nan_to_num(values).astype(np.float32))
    for size in ((shown.width, whole.height), shown.size):
        finer = size[0] < whole.width or size[1] < whole.height
        whole = whole.resize(size, Image.Resampling.BOX if finer else Image.Resampling.NEAREST)
    spread = np.asarray(whole, dtype=np.float64)
    colours = np.where(spread[..., None] > 0, FOR, AGAINST).astype(np.uint8)
    covers = np.rint(255 * _MOST * np.minimum(np.abs(spread) / strong(values), 1)).astype(np.uint8)
    grey = Image.eval(shown.convert("L"), lambda level: 96 + level * 5 // 8).convert("RGB")
    return Image.composite(Image.fromarray(colours), grey, Image.fromarray(covers))
