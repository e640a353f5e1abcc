"""Hair over a drawn picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairlead.data.synthetic.canvas import Canvas, Plane

_MOST = 9


@dataclass(frozen=True)
class Hair:
    """Thin arcs in no relation to diagnosis or tone.

    Attributes:
        strokes: (K, 7) one arc a row: x and y of its middle, direction (radians), curvature (1 / picture sides),
            half length and half width (picture sides), opacity.

    Examples:
        >>> hair = Hair.draw(np.random.default_rng(0))
        >>> hair.cover(Canvas.of(16)).shape
        (16, 16)
    """

    strokes: np.ndarray[tuple[int, int], np.dtype[np.float32]]

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Hair:
        """Draws 3 to 9 hairs that lie roughly along one direction."""
        count = int(generator.integers(3, _MOST + 1))
        along = generator.uniform(0, np.pi)
        strokes = np.column_stack(
            [
                generator.uniform(0, 1, (_MOST, 2)),
                along + 0.35 * generator.standard_normal(_MOST),
                generator.uniform(-1.1, 1.1, _MOST),
                generator.uniform(0.15, 0.45, _MOST),
                generator.uniform(0.0035, 0.0065, _MOST),
                generator.uniform(0.55, 0.9, _MOST),
            ]
        )
        return cls(strokes[:count].astype(np.float32))

    def cover(self, canvas: Canvas) -> Plane:
        """Returns (H, W) the opacity of the hair in each pixel, 0 to 1."""
        x, y, along, bend, length, width, opacity = (column[:, None, None] for column in self.strokes.T)
        dx, dy = canvas.x - x, canvas.y - y
        u = np.cos(along) * dx + np.sin(along) * dy
        v = np.cos(along) * dy - np.sin(along) * dx
        # A parabola; dividing by its slope's length turns the vertical distance into nearly the true one.
        aside = np.abs(v - bend * u * u) / np.sqrt(1 + (2 * bend * u) ** 2)
        # A hair thinner than a pixel covers its share of it: the width counts, not the nearest pixel.
        across = np.clip((width - aside) * canvas.size + 0.5, 0, np.minimum(1, 2 * width * canvas.size))
        ends = np.clip((length - np.abs(u)) * 12, 0, 1)
        cover: Plane = (opacity * across * ends).max(axis=0)
        return cover
