"""Simple numbers of an input, by which a change of what comes in is seen before its labels are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fairlead.preprocessing.text import Text, TextPreprocessing

_ROWS = 48  # of a crop at most: more tell next to nothing of a picture, and cost time beside every answer
_FULL = 65280  # luma of white: 256 times 255


def picture_properties(pixels: NDArray[np.uint8], original: tuple[int, int] | None = None) -> dict[str, float]:
    """Measures what a model sees of a picture; every sum is of integers, and exact.

    Args:
        pixels: (3, H, W) of the crop. Of a high one, 48 rows or fewer are looked at, evenly apart.
        original: Height and width of the picture it was cut from; None where that is not known.

    Returns:
        ``input.brightness``, mean luma from 0 to 1; ``input.contrast``, its standard deviation; ``input.sharpness``,
        the mean difference of neighbours in a row, which blur lowers and noise raises; ``input.grain``, how much of it
        goes up and down again at once, as noise does at any sharpness, left out where nothing differs;
        ``input.saturation``, mean difference of a pixel's strongest and weakest colour; ``input.pixels``, the binary
        logarithm of the original's number of pixels; ``input.aspect``, that of its width over its height.

    Examples:
        >>> white = np.full((3, 4, 4), 255, dtype=np.uint8)
        >>> picture_properties(white, (200, 400))["input.brightness"], picture_properties(white, (2, 4))["input.pixels"]
        (1.0, 3.0)
    """
    step = -(-pixels.shape[1] // _ROWS)
    red, green, blue = shown = pixels[:, step // 2 :: step]
    luma = red * np.uint16(77) + green * np.uint16(150) + blue * np.uint16(29)
    values = luma.astype(np.float64).ravel()
    mean = float(values.sum()) / values.size
    spread = math.sqrt(max(float(values @ values) / values.size - mean**2, 0.0))
    found = {"input.brightness": mean / _FULL, "input.contrast": spread / _FULL}
    found |= _neighbours(luma)
    apart = shown.max(axis=0) - shown.min(axis=0)
    found["input.saturation"] = int(apart.sum(dtype=np.int64)) / (255 * apart.size)
    if original is not None:
        height, width = original
        found["input.pixels"] = math.log2(height * width)
        found["input.aspect"] = math.log2(width / height)
    return found


def text_properties(
    tokens: NDArray[np.int32], text: Text, preprocessing: TextPreprocessing, *, truncated: bool = False
) -> dict[str, float]:
    """Measures a text, or a pair of texts, as a model reads it.

    Args:
        tokens: (3, T) token ids, attention mask and token types.
        text: What they were cut from.
        preprocessing: That cut them.
        truncated: Whether the text has more than was read of it.

    Returns:
        ``input.tokens``, the binary logarithm of their number, those around the text included;
        ``input.characters_per_token``, low for what the tokenizer has no words for, left out where not all was read;
        ``input.unknown``, the share of tokens that stand for unknown words, left out where the tokenizer has none.
    """
    count = int(tokens[1].sum())
    if not count:
        return {}
    found = {"input.tokens": math.log2(count)}
    if not truncated:
        characters = len(text) if isinstance(text, str) else sum(map(len, text))
        found["input.characters_per_token"] = characters / count
    if preprocessing.unknown_id is not None:
        unknown = (tokens[0] == preprocessing.unknown_id) & (tokens[1] == 1)
        found["input.unknown"] = int(np.count_nonzero(unknown)) / count
    return found


def _neighbours(luma: NDArray[np.uint16]) -> dict[str, float]:
    """Returns what differs along the rows; nothing where they have one pixel."""
    if luma.shape[1] < 2:
        return {}
    once = np.diff(luma.astype(np.int32), axis=1)
    total = int(np.abs(once).sum(dtype=np.int64))
    found = {"input.sharpness": total / (_FULL * once.size)}
    if total and luma.shape[1] > 2:
        twice = np.diff(once, axis=1)
        found["input.grain"] = int(np.abs(twice).sum(dtype=np.int64)) * once.size / (total * twice.size)
    return found
