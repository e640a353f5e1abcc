"""The outline of a drawn lesion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairlead.data.synthetic.canvas import Canvas, Plane
from fairlead.data.synthetic.signs import LesionSigns

_ANGLES = np.linspace(-np.pi, np.pi, 257)[:-1]
_ORDERS = np.arange(5, 13)
# No lesion reaches further from the picture's centre than this, in picture sides. A ruler stays beyond it, so that
# the ruler never hides a sign.
REACH = 0.34


@dataclass(frozen=True)
class Outline:
    """A closed curve around a centre: its radius as a function of the angle.

    Asymmetry adds a bulge on one side and a dent on another; border irregularity adds waves of 5 to 12 periods.
    The curve is then scaled to the area that the diameter asks for, so that no sign leaks into another.

    Attributes:
        centre: x and y of the point the radii start from, in picture sides.
        radii: (256,) radius at equally spaced angles from -pi, in picture sides.

    Examples:
        >>> outline = Outline.draw(np.random.default_rng(0), LesionSigns(0.2, 0.2, 0.2, 0.5))
        >>> round(float(np.sqrt((outline.radii**2).mean())), 3)
        0.19
    """

    centre: tuple[float, float]
    radii: np.ndarray[tuple[int], np.dtype[np.float64]]

    @classmethod
    def draw(cls, generator: np.random.Generator, signs: LesionSigns) -> Outline:
        """Draws an outline that shows the signs."""
        elongation, axis, bulge_at, apart, side = generator.random(5)
        phases, strengths = 2 * np.pi * generator.random(len(_ORDERS)), generator.standard_normal(len(_ORDERS))
        place = generator.uniform(-1, 1, size=2)

        bulge_at = 2 * np.pi * bulge_at
        dent_at = bulge_at + np.copysign(np.pi * (0.33 + 0.25 * apart), side - 0.5)
        shape = 1 + 0.14 * elongation * np.cos(2 * (_ANGLES - np.pi * axis))
        shape += signs.asymmetry * (1.1 * _bump(bulge_at) - 0.45 * _bump(dent_at))
        strengths *= 5 / _ORDERS  # the finer the wave, the lower
        strengths /= np.sqrt((strengths**2).sum() / 2)
        waves = np.cos(_ORDERS[:, None] * _ANGLES + phases[:, None])
        shape += (0.01 + 0.135 * signs.border) * (strengths @ waves)
        shape = np.maximum(shape, 0.25)
        radii = shape * (0.12 + 0.14 * signs.diameter) / np.sqrt((shape**2).mean())
        return cls._placed(radii, place)

    @classmethod
    def _placed(cls, radii: np.ndarray[tuple[int], np.dtype[np.float64]], place: np.ndarray) -> Outline:
        """Puts the middle of the outline's bounding box near the middle of the picture."""
        corners = np.stack([radii * np.cos(_ANGLES), radii * np.sin(_ANGLES)])
        low, high = corners.min(axis=1), corners.max(axis=1)
        half = (high - low) / 2
        scale = min(1.0, REACH / half.max())
        room = np.minimum(REACH - scale * half, 0.1)
        x, y = 0.5 - scale * (low + high) / 2 + place * room
        return cls((float(x), float(y)), scale * radii)

    def distance(self, canvas: Canvas) -> tuple[Plane, Plane]:
        """Returns (H, W) the distance inside the outline along the ray from the centre, and the relative radius.

        The relative radius is 0 in the centre and 1 on the outline.
        """
        x, y = canvas.x - np.float32(self.centre[0]), canvas.y - np.float32(self.centre[1])
        position = (np.arctan2(y, x) + np.float32(np.pi)) * np.float32(256 / (2 * np.pi))
        lower = position.astype(np.int32)
        share = position - lower
        # Two entries more than angles: position 256 is the angle pi, which is also -pi.
        table = np.concatenate([self.radii, self.radii[:2]]).astype(np.float32)
        edge = table[lower] * (1 - share) + table[lower + 1] * share
        radius = np.sqrt(x * x + y * y)
        return edge - radius, radius / edge


def _bump(angle: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """One smooth hump of height 1 around an angle."""
    return np.exp(4.5 * (np.cos(_ANGLES - angle) - 1))
