"""The ruler at an edge of a drawn picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.data.synthetic.canvas import Canvas, Plane

_STRIP = np.array([0.93, 0.94, 0.93], dtype=np.float32)[:, None, None]
_INK = np.array([0.10, 0.11, 0.14], dtype=np.float32)[:, None, None]
_OPACITY = np.float32(0.9)


@dataclass(frozen=True)
class Ruler:
    """A pale strip with ticks along one edge, every fifth tick longer.

    Attributes:
        edge: 0 top, 1 bottom, 2 left, 3 right.
        depth: How far the strip reaches into the picture, in picture sides.
        tilt: Change of the depth from one end to the other, in picture sides.
        spacing: From tick to tick, in picture sides.
        offset: Where the first tick lies, in picture sides.

    Examples:
        >>> ruler = Ruler(edge=0, depth=0.12, tilt=0.0, spacing=0.05, offset=0.0)
        >>> ruler.mask(Canvas.of(32)).any(axis=1).nonzero()[0].tolist()
        [0, 1, 2, 3]
    """

    edge: int
    depth: float
    tilt: float
    spacing: float
    offset: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Ruler:
        """Draws where the ruler lies. It ends before the reach of a lesion."""
        return cls(
            edge=int(generator.integers(4)),
            depth=float(generator.uniform(0.095, 0.12)),
            tilt=float(generator.uniform(-0.03, 0.03)),
            spacing=float(generator.uniform(0.048, 0.06)),
            offset=float(generator.uniform(0, 0.06)),
        )

    def _inside(self, canvas: Canvas) -> tuple[Plane, Plane]:
        """(H, W) distance from the inner edge of the strip (inside is positive), and position along it."""
        from_edge = (canvas.y, 1 - canvas.y, canvas.x, 1 - canvas.x)[self.edge]
        along = canvas.x if self.edge < 2 else canvas.y
        return np.float32(self.depth) + np.float32(self.tilt) * (along - np.float32(0.5)) - from_edge, along

    def mask(self, canvas: Canvas) -> NDArray[np.bool_]:
        """Returns (H, W) every pixel that the ruler changes, however little."""
        return canvas.coverage(self._inside(canvas)[0]) > 0

    def lay(self, picture: Plane, canvas: Canvas) -> Plane:
        """Returns the (3, H, W) picture with the ruler on it."""
        inside, along = self._inside(canvas)
        phase = (along - np.float32(self.offset)) / np.float32(self.spacing)
        number = np.rint(phase)
        length = np.where(number % 5 == 0, np.float32(0.7), np.float32(0.4)) * np.float32(self.depth)
        half = np.float32(max(0.006, 0.45 / canvas.size))  # a tick is never thinner than a pixel can show
        ticks = canvas.coverage(half - np.abs(phase - number) * np.float32(self.spacing))
        ticks *= canvas.coverage(length - inside)
        strip = _STRIP + ticks * (_INK - _STRIP)
        laid: Plane = picture + _OPACITY * canvas.coverage(inside) * (strip - picture)
        return laid
