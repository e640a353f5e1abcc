"""What a map of values must beat to say anything of its place: itself moved elsewhere, and the centre."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MOVED = 19  # with the map itself twenty: first of all by chance once in twenty times


def moved_maps(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Returns the map shifted around its edges and mirrored, by lot but always the same; never where it was.

    Where that can be done in fewer than 19 ways, its values are dealt out anew instead.

    Examples:
        >>> [one.tolist() for one in moved_maps(np.array([[1.0, 2.0, 3.0]]))][:2]
        [[[1.0, 3.0, 2.0]], [[2.0, 1.0, 3.0]]]
    """
    rows, columns = values.shape
    lot = np.random.default_rng(0)
    mirrors = [
        (down, across) for down in ((1, -1) if rows > 1 else (1,)) for across in ((1, -1) if columns > 1 else (1,))
    ]
    places = len(mirrors) * rows * columns
    if places <= MOVED:
        return _dealt(values, lot)
    moved = []
    for place in lot.permutation(np.arange(1, places))[:MOVED]:
        mirrored, shift = divmod(int(place), rows * columns)
        down, across = mirrors[mirrored]
        moved.append(np.roll(values[::down, ::across], divmod(shift, columns), axis=(0, 1)))
    return moved


def centre_map(rows: int, columns: int) -> NDArray[np.float64]:
    """Returns (rows, columns) a map that falls from the centre, where most pictures have what they are of.

    Examples:
        >>> centre_map(3, 3).tolist()
        [[-2.0, -1.0, -2.0], [-1.0, -0.0, -1.0], [-2.0, -1.0, -2.0]]
    """
    line, column = np.indices((rows, columns))
    return -((line - (rows - 1) / 2) ** 2 + (column - (columns - 1) / 2) ** 2)


def _dealt(values: NDArray[np.float64], lot: np.random.Generator) -> list[NDArray[np.float64]]:
    """Returns the map with its values in other orders, each once; fewer than 19 where there are not as many."""
    seen = {tuple(range(values.size))}
    most = min(MOVED, math.factorial(min(values.size, 5)) - 1)
    while len(seen) <= most:
        seen.add(tuple(lot.permutation(values.size).tolist()))
    return [values.flat[list(order)].reshape(values.shape) for order in sorted(seen)[1:]]
