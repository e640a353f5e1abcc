"""A picture laid on a page one to one. Imports matplotlib: import it where it is used."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from numpy.typing import NDArray


class Pixels(Artist):
    """Pixels that are drawn as they are; ``Figure.figimage`` resamples even where nothing is to be scaled.

    That took longer than all the rest of a large confusion matrix.

    Args:
        pixels: (H, W, 3) colours, first row on top.
        left: Pixels from the left edge of the figure.
        bottom: Pixels from its lower edge.

    Examples:
        >>> Pixels(np.zeros((2, 3, 3), dtype=np.uint8), 10, 20).pixels.shape
        (2, 3, 3)
    """

    def __init__(self, pixels: NDArray[np.uint8], left: int, bottom: int) -> None:
        super().__init__()
        self.pixels, self._corner = pixels, (left, bottom)
        self.set_zorder(0)

    def draw(self, renderer: RendererBase) -> None:
        """Draws the pixels; the Agg renderer takes them with the lowest row first."""
        opaque = np.full((*self.pixels.shape[:2], 1), 255, dtype=np.uint8)
        context = renderer.new_gc()
        renderer.draw_image(context, *self._corner, np.concatenate([self.pixels, opaque], axis=2)[::-1])
        context.restore()
        self.stale = False
