"""An attribution as a picture."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fairlead.errors import DataError
from fairlead.records import Attribution
from fairlead.report.thumbnail import thumbnail
from fairlead.report.tint import AGAINST, FOR, overlay, strong

_SIDE, _GAP, _LEGEND = 336, 12, 44


def attribution_png(pixels: NDArray[np.uint8], attribution: Attribution) -> bytes:
    """Draws the crop that the model saw, and beside it in grey what speaks for the class (red) and against it (blue).

    Pillow alone, for a service.

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
    shown = thumbnail(pixels.transpose(1, 2, 0), _SIDE, attribution.label)
    size = shown.size
    page = Image.new("RGB", (2 * size[0] + 3 * _GAP, size[1] + 2 * _GAP + _LEGEND), "white")
    page.paste(shown, (_GAP, _GAP))
    page.paste(overlay(shown, attribution.values), (2 * _GAP + size[0], _GAP))
    _legend(page, attribution, top=size[1] + 2 * _GAP)
    stream = io.BytesIO()
    page.save(stream, "PNG")
    return stream.getvalue()


def _legend(page: Image.Image, attribution: Attribution, *, top: int) -> None:
    brush, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for place, (colour, words) in enumerate(((FOR, "for"), (AGAINST, "against"))):
        left = _GAP + place * 120
        brush.rectangle((left, top + 2, left + 12, top + 14), fill=colour)
        brush.text((left + 18, top), words, fill="black", font=font)
    text = f"{_short(attribution.label)}: {attribution.worth}"
    brush.text((_GAP, top + 20), text, fill="black", font=font)
    brush.text(
        (page.width // 2 + _GAP // 2, top),
        f"full colour from {strong(attribution.values):.2g} a cell",
        fill="black",
        font=font,
    )


def _short(label: str) -> str:
    """Returns a label that fits; what the font cannot draw is a question mark."""
    text = label if len(label) <= 32 else label[:31] + "..."
    return text.encode("latin-1", "replace").decode("latin-1")
