"""The square grid a picture is drawn on, and smooth random fields over it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Canvas:
    """A square of H = W = ``size`` pixels, measured in picture sides: whatever is drawn looks the same at any size.

    Attributes:
        size: Pixels along a side.

    Examples:
        >>> canvas = Canvas.of(4)
        >>> canvas.x[0].tolist(), canvas.y[:, 0].tolist()
        ([0.125, 0.375, 0.625, 0.875], [0.125, 0.375, 0.625, 0.875])
        >>> canvas.field(np.ones((6, 6), dtype=np.float32)).shape
        (4, 4)
    """

    size: int

    @staticmethod
    @lru_cache(maxsize=8)
    def of(size: int) -> Canvas:
        """Returns the canvas of this size; the grids it keeps are computed once."""
        return Canvas(size)

    @cached_property
    def axis(self) -> Plane:
        """(size,) pixel centres along a side."""
        return ((np.arange(self.size) + 0.5) / self.size).astype(np.float32)

    @cached_property
    def x(self) -> Plane:
        """(H, W) distance of each pixel centre from the left edge."""
        return np.ascontiguousarray(np.broadcast_to(self.axis[None, :], (self.size, self.size)))

    @cached_property
    def y(self) -> Plane:
        """(H, W) distance of each pixel centre from the top edge."""
        return np.ascontiguousarray(np.broadcast_to(self.axis[:, None], (self.size, self.size)))

    @cached_property
    def _splines(self) -> dict[int, Plane]:
        return {}

    def field(self, coefficients: Plane) -> Plane:
        """Returns (H, W) values of the uniform cubic B-spline surface with (K, K) coefficients."""
        knots = coefficients.shape[0]
        if knots not in self._splines:
            position = self.axis[:, None] * (knots - 3) + 1  # the picture spans the knots 1 to K - 2
            self._splines[knots] = _cubic_spline(np.abs(position - np.arange(knots)).astype(np.float32))
        weights = self._splines[knots]
        return (weights @ coefficients @ weights.T).astype(np.float32, copy=False)

    def coverage(self, distance: Plane) -> Plane:
        """Returns how much of a pixel lies inside, 0 to 1, by its signed distance (inside is positive)."""
        covered: Plane = np.clip(distance * np.float32(self.size) + np.float32(0.5), 0, 1)
        return covered


def _cubic_spline(distance: Plane) -> Plane:
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)
