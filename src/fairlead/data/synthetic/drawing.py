"""From the facts of a row to the pixels of its picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.data.synthetic.canvas import Canvas, Plane
from fairlead.data.synthetic.hair import Hair
from fairlead.data.synthetic.outline import Outline
from fairlead.data.synthetic.row import LesionRow
from fairlead.data.synthetic.ruler import Ruler

# Red, green and blue of the six skin tones, 0 to 1.
_SKIN = {
    "I": (0.93, 0.79, 0.72),
    "II": (0.88, 0.71, 0.62),
    "III": (0.80, 0.62, 0.51),
    "IV": (0.70, 0.52, 0.41),
    "V": (0.61, 0.46, 0.375),
    "VI": (0.52, 0.39, 0.32),
}
# What a lesion takes from the skin. It is a difference and the same on every tone, and so are texture, hair and
# noise: a linear first layer sees the same lesion on each, up to a constant.
_PIGMENT = np.array([-0.25, -0.255, -0.215], dtype=np.float32)
# Patches of a variegated lesion: dark brown, red, blue-grey, pale. Their sum is nearly 0: variegation is not darkness.
_PATCHES = np.array(
    [(-0.16, -0.10, -0.06), (0.11, -0.04, -0.03), (-0.09, 0.00, 0.08), (0.14, 0.13, 0.07)], dtype=np.float32
)
_HAIR = np.array([-0.30, -0.25, -0.20], dtype=np.float32)[:, None, None]


@dataclass(frozen=True)
class Drawing:
    """The picture of one row; a pure function of the row, the seed and the size.

    Outline, colours, hair, ruler and noise each have their own random stream, so that taking the ruler away
    changes no other pixel. All but the noise are drawn in picture sides: the same row at another size is the same
    picture at another resolution.

    On one machine the pixels are the same bit for bit; another processor's rounding may move one by a level.

    Attributes:
        row: What is drawn.
        seed: The seed of the world.
        size: H = W, pixels.

    Examples:
        >>> from fairlead.data.synthetic.world import LesionWorld
        >>> drawing = Drawing(LesionWorld().row(0), seed=0, size=32)
        >>> drawing.image().shape, bool(drawing.lesion_mask().any())
        ((32, 32, 3), True)
    """

    row: LesionRow
    seed: int
    size: int

    def image(self, with_ruler: bool = True) -> NDArray[np.uint8]:
        """Returns the (H, W, 3) pixels, RGB, with the ruler the row has or without it."""
        picture = self._skin_and_lesion()
        if self.row.hair:
            picture += _HAIR * Hair.draw(self._stream("hair")).cover(self._canvas)
        if self.row.ruler and with_ruler:
            picture = self._ruler.lay(picture, self._canvas)
        picture += self._stream("noise").standard_normal(picture.shape, dtype=np.float32) * np.float32(0.012)
        # Truncating after adding a half rounds to the nearest level.
        pixels = np.clip(picture * 255 + 0.5, 0, 255.5).astype(np.uint8)
        return np.ascontiguousarray(pixels.transpose(1, 2, 0))

    def lesion_mask(self) -> NDArray[np.bool_]:
        """Returns (H, W) the pixels that lie inside the lesion's outline."""
        return self._outline.distance(self._canvas)[0] > 0

    def ruler_mask(self) -> NDArray[np.bool_]:
        """Returns (H, W) the pixels that the ruler changes: none without a ruler."""
        if self.row.ruler:
            return self._ruler.mask(self._canvas)
        return np.zeros((self.size, self.size), dtype=np.bool_)

    @property
    def _canvas(self) -> Canvas:
        return Canvas.of(self.size)

    @property
    def _outline(self) -> Outline:
        return Outline.draw(self._stream("outline"), self.row.signs)

    @property
    def _ruler(self) -> Ruler:
        return Ruler.draw(self._stream("ruler"))

    def _stream(self, purpose: str) -> np.random.Generator:
        return self.row.stream(self.seed, purpose)

    def _skin_and_lesion(self) -> Plane:
        """(3, H, W) lit skin with the lesion on it."""
        canvas, generator = self._canvas, self._stream("colours")
        light, glow, depth, hue = generator.uniform(-1, 1, size=4)
        slope = generator.uniform(-0.045, 0.045, size=2).astype(np.float32)
        softness = np.float32(generator.uniform(0.024, 0.044))
        skin_field = canvas.field(generator.standard_normal((26, 26), dtype=np.float32))
        broad_field = canvas.field(generator.standard_normal((8, 8), dtype=np.float32))
        patches = self._patches(generator)

        x, y = canvas.x - np.float32(0.5), canvas.y - np.float32(0.5)
        lit = slope[0] * x + slope[1] * y - np.float32(0.10 + 0.05 * glow) * (x * x + y * y)
        lit += np.float32(0.025 * light) + np.float32(0.018) * skin_field + np.float32(0.018) * broad_field
        picture: Plane = np.array(_SKIN[self.row.tone], dtype=np.float32)[:, None, None] + lit

        inside, relative = self._outline.distance(canvas)
        share = np.clip(inside / softness + np.float32(0.5), 0, 1)
        opacity = share * share * (3 - 2 * share)
        pigment = _PIGMENT * np.float32(1 + 0.22 * depth) + np.float32(0.03 * hue) * np.array([1, -0.5, -0.5], "f4")
        shade = np.float32(1.08) - np.float32(0.16) * relative * relative
        shade += np.float32(0.20) * skin_field + np.float32(0.12) * broad_field
        picture += opacity * (pigment[:, None, None] * shade + patches)
        return picture

    def _patches(self, generator: np.random.Generator) -> Plane:
        """(3, H, W) change of colour by four blobs inside the lesion, as strong as the sign of colour says."""
        signs, outline, axis = self.row.signs, self._outline, self._canvas.axis
        radius = np.sqrt((outline.radii**2).mean())
        turn = 2 * np.pi * (np.arange(4) / 4 + generator.random() + 0.12 * generator.uniform(-1, 1, 4))
        far = radius * generator.uniform(0.35, 0.65, 4)
        width = radius * generator.uniform(0.26, 0.40, 4)
        strength = signs.colour * generator.uniform(1.4, 2.0, 4)
        colours = _PATCHES[generator.permutation(4)] * strength[:, None].astype(np.float32)
        x = (axis - (outline.centre[0] + far * np.cos(turn))[:, None]) / width[:, None]
        y = (axis - (outline.centre[1] + far * np.sin(turn))[:, None]) / width[:, None]
        across, down = np.exp(-x * x / 2).astype(np.float32), np.exp(-y * y / 2).astype(np.float32)
        weights = colours.T[:, :, None] * across  # (3, 4, W)
        blobs: Plane = down.T @ weights
        return blobs
