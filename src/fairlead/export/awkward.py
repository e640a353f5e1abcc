"""Picture files as they come from cameras, scanners and drawing programs, drawn on the spot."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_ORIENTATION = 0x0112  # EXIF tag


def awkward_files(seed: int = 0) -> dict[str, bytes]:
    r"""Returns small files of every kind that a decoder may read in more than one way, by a telling name.

    EXIF rotations, CMYK, transparency, 16-bit grey, palettes, sides of one pixel, odd sizes, progressive JPEG. The
    pixels are generated: no one's photo.

    Examples:
        >>> files = awkward_files()
        >>> len(files) >= 20, files["rgb.png"][:4]
        (True, b'\x89PNG')
    """
    scene = _scene(np.random.default_rng(seed), 90, 120)
    picture = Image.fromarray(scene)
    rgba = np.dstack([scene, np.linspace(0, 255, scene.shape[1]).astype(np.uint8)[None].repeat(90, axis=0)])
    grey = picture.convert("L")
    deep = np.asarray(grey).astype(np.uint16) * 257
    files = {
        "rgb.png": _saved(picture, "PNG"),
        "ordinary.jpg": _saved(picture, "JPEG", quality=90),
        "progressive.jpg": _saved(picture, "JPEG", quality=80, progressive=True),
        "cmyk.jpg": _saved(picture.convert("CMYK"), "JPEG", quality=90),
        "cmyk.tif": _saved(picture.convert("CMYK"), "TIFF"),
        "grey.jpg": _saved(grey, "JPEG", quality=90),
        "alpha.png": _saved(Image.fromarray(rgba), "PNG"),
        "grey_alpha.png": _saved(Image.fromarray(rgba).convert("LA"), "PNG"),
        "sixteen_bits.png": _saved(Image.fromarray(deep), "PNG"),
        "palette.png": _saved(picture.quantize(16), "PNG"),
        "palette_transparent.png": _saved(picture.quantize(16), "PNG", transparency=0),
        "palette.gif": _saved(picture.quantize(64), "GIF"),
        "one_bit.png": _saved(picture.convert("1"), "PNG"),
        "bitmap.bmp": _saved(picture, "BMP"),
    }
    for width, height in ((1, 37), (37, 1), (1, 1), (3, 2), (301, 17), (33, 257)):
        files[f"{width}x{height}.png"] = _saved(
            Image.fromarray(_scene(np.random.default_rng(seed), height, width)), "PNG"
        )
    for orientation in range(2, 9):
        files[f"turned_{orientation}.jpg"] = _turned(picture, orientation, "JPEG", quality=90)
    files["turned_6.png"] = _turned(picture, 6, "PNG")
    return files


def golden_files(seed: int = 0) -> dict[str, bytes]:
    """Returns those of the awkward files that every build of every decoder reads to the last bit: the PNG ones.

    Examples:
        >>> all(name.endswith(".png") for name in golden_files())
        True
    """
    return {name: content for name, content in awkward_files(seed).items() if name.endswith(".png")}


def _scene(generator: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A slope of colour with some blocks and grain on it: edges, flats and texture, none of it symmetric."""
    down, across = np.mgrid[0:height, 0:width]
    slopes = np.stack([255 * across / width, 255 * down / height, 255 * (across + down) / (width + height)], axis=2)
    for _ in range(6):
        top, left = generator.integers(0, height), generator.integers(0, width)
        slopes[top : top + height // 3 + 1, left : left + width // 4 + 1] = generator.integers(0, 256, 3)
    grain = generator.normal(0, 12, (height, width, 3))
    return np.clip(slopes + grain, 0, 255).astype(np.uint8)


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _turned(picture: Image.Image, orientation: int, kind: str, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    return _saved(picture, kind, exif=exif, **options)
