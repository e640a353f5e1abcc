"""How much of an attribution lies where it should not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def region_mass(values: NDArray[np.float64], region: NDArray[np.bool_]) -> float:
    """Returns the share of the absolute attribution on a region of a picture; 0 where there is no attribution.

    A cell's value counts as lying evenly over its pixels.

    Args:
        values: (rows, columns) of cells.
        region: (H, W) pixels of the crop that the cells divide.

    Examples:
        >>> corner = np.zeros((4, 4), dtype=bool)
        >>> corner[:2, 0] = True
        >>> region_mass(np.array([[3.0, -1.0], [0.0, 0.0]]), corner)
        0.375
    """
    sides = zip(region.shape, values.shape, strict=True)
    lines = [np.linspace(0, side, cells + 1).round().astype(int) for side, cells in sides]
    sums = np.zeros((region.shape[0] + 1, region.shape[1] + 1))
    sums[1:, 1:] = region.cumsum(axis=0).cumsum(axis=1)
    inside = np.diff(np.diff(sums[np.ix_(lines[0], lines[1])], axis=0), axis=1)
    area = np.outer(np.diff(lines[0]), np.diff(lines[1]))
    total = np.abs(values).sum()
    return float((np.abs(values) * inside / area).sum() / total) if total > 0 else 0.0
