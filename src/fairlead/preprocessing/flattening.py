"""Any picture mode to 8-bit RGB on white."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fairlead.errors import DataError

_WHITE = (255, 255, 255)
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # TIFF tags
_WHITE_IS_ZERO = 0


def rgb_on_white(image: Image.Image) -> Image.Image:
    """Turns a picture of any mode into RGB, transparency composited on white.

    An opaque 8-bit picture becomes exactly what ``image.convert("RGB")`` gives, and an RGB one is returned as it
    is, not copied. 16-bit grey is scaled by its full range (65535 becomes 255), where Pillow may clip. Floats are
    taken as 0 (black) to 1 (white). Colour profiles are left alone.

    Raises:
        DataError: integers beyond 16 bits or floats outside 0 to 1, whose black and white nobody knows.

    Examples:
        >>> half_red = Image.new("RGBA", (1, 1), (255, 0, 0, 128))
        >>> rgb_on_white(half_red).getpixel((0, 0))
        (255, 127, 127)
        >>> rgb_on_white(Image.new("I;16", (1, 1), 32768)).getpixel((0, 0))
        (128, 128, 128)
    """
    if image.mode.startswith("I"):
        return _grey(_levels_of_integers(image))
    if image.mode == "F":
        return _grey(_levels_of_floats(image))
    if image.has_transparency_data:
        return _composited(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _composited(image: Image.Image) -> Image.Image:
    if image.mode == "La":  # premultiplied grey: Pillow knows the way to LA alone
        image = image.convert("LA")
    if image.mode != "RGBA":
        image = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, _WHITE)
    canvas.paste(image, mask=image)
    return canvas


def _levels_of_integers(image: Image.Image) -> NDArray[np.uint8]:
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise DataError(
            f"holds whole numbers from {low} to {high}, and only 0 (black) to 65535 (white) can be read; "
            "save it with 8 or 16 bits"
        )
    # Pillow hands on 12-bit TIFFs unscaled, and 16-bit ones that store white as 0 uninverted.
    tags = getattr(image, "tag_v2", {})
    white = 4095 if tags.get(_BITS_PER_SAMPLE) == (12,) else 65535
    level_of = np.minimum((np.arange(65536) * 255 + white // 2) // white, 255).astype(np.uint8)
    if image.mode != "I" and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        level_of = 255 - level_of
    levels: NDArray[np.uint8] = level_of[values]
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        levels[values == transparent] = 255
    return levels


def _levels_of_floats(image: Image.Image) -> NDArray[np.uint8]:
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0.0 and high <= 1.0):  # also NaN
        raise DataError(
            f"holds decimal numbers from {low:g} to {high:g}, and only 0 (black) to 1 (white) can be read; "
            "save it with 8 or 16 bits"
        )
    return np.rint(values * 255.0).astype(np.uint8)


def _grey(levels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(levels).convert("RGB")
