"""An attribution as a picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fairlead.errors import DataError
from fairlead.records import Attribution

_FOR, _AGAINST = np.array([178.0, 24.0, 43.0]), np.array([33.0, 102.0, 172.0])  # told apart in every colour vision
_SIDE, _GAP, _LEGEND = 336, 12, 44


def attribution_png(pixels: NDArray[np.uint8], attribution: Attribution) -> bytes:
    """Draws the crop that the model saw, and beside it in grey what speaks for the class (red) and against it (blue).

    Each cell is drawn as large as it is: nothing is smoothed that was not measured. Pillow alone, for a service.

    Args:
        pixels: (3, H, W) of the crop.
        attribution: Of its cells.

    Returns:
        A PNG file.

    Raises:
        DataError: the attribution is not reliable: it is listed, not drawn.
    """
    if not attribution.certificate.reliable:
        raise DataError(
            f"the attribution for {attribution.label!r} is not reliable ({attribution.certificate.reason}), "
            "and is not drawn; show its values with its certificate"
        )
    crop = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    scale = _SIDE / max(crop.size)
    size = max(1, round(crop.width * scale)), max(1, round(crop.height * scale))
    shown = crop.resize(size, Image.Resampling.BICUBIC)
    page = Image.new("RGB", (2 * size[0] + 3 * _GAP, size[1] + 2 * _GAP + _LEGEND), "white")
    page.paste(shown, (_GAP, _GAP))
    page.paste(_overlay(shown, attribution.values), (2 * _GAP + size[0], _GAP))
    _legend(page, attribution, top=size[1] + 2 * _GAP)
    stream = io.BytesIO()
    page.save(stream, "PNG")
    return stream.getvalue()


def _overlay(shown: Image.Image, values: NDArray[np.float64]) -> Image.Image:
    strength = np.minimum(np.abs(values) / _strong(values), 1)
    colours = np.where(values[..., None] > 0, _FOR, _AGAINST).round().astype(np.uint8)
    layers = [
        Image.fromarray(layer).resize(shown.size, Image.Resampling.NEAREST)
        for layer in (colours, (255 * 0.85 * strength).round().astype(np.uint8))
    ]
    grey = Image.eval(shown.convert("L"), lambda level: 96 + level * 5 // 8).convert("RGB")
    return Image.composite(layers[0], grey, layers[1])


def _legend(page: Image.Image, attribution: Attribution, *, top: int) -> None:
    brush, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for place, (colour, words) in enumerate(((_FOR, "for"), (_AGAINST, "against"))):
        left = _GAP + place * 120
        brush.rectangle((left, top + 2, left + 12, top + 14), fill=_rgb(colour))
        brush.text((left + 18, top), words, fill="black", font=font)
    told = f"{attribution.base:+.2f} masked, {attribution.full:+.2f} whole ({attribution.unit})"
    text = f"{_short(attribution.label)}: {told}"
    brush.text((_GAP, top + 20), text, fill="black", font=font)
    brush.text(
        (page.width // 2 + _GAP // 2, top),
        f"full colour from {_strong(attribution.values):.2g} a cell",
        fill="black",
        font=font,
    )


def _strong(values: NDArray[np.float64]) -> float:
    """Returns the size of value from which colours are full: few cells reach it, and no single one fades the rest."""
    return max(float(np.quantile(np.abs(values), 0.97)), 1e-12)


def _short(label: str) -> str:
    """Returns a label that fits; what the font cannot draw is a question mark."""
    text = label if len(label) <= 32 else label[:31] + "..."
    return text.encode("latin-1", "replace").decode("latin-1")


def _rgb(colour: NDArray[Any]) -> tuple[int, int, int]:
    red, green, blue = (round(float(level)) for level in colour)
    return red, green, blue
