"""The explained pictures of a sheet: each with its map beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fairlead.records import ExplainedRow
from fairlead.report.explained_words import answer, of_what, on_regions
from fairlead.report.page import DPI, MUTED, Page, Style, snap
from fairlead.report.thumbnail import thumbnail
from fairlead.report.tint import overlay, strong

_BOX, _APART, _GAP = 1.7, 0.08, 0.35  # inches: the square of a picture, between it and its map, between two rows
_TILE = 2 * _BOX + _APART
_BACKING = "#f0f1f3"
_NAME, _CLASSES, _SMALL = Style(9, bold=True), Style(9), Style(8, MUTED)
_LINES = ((_NAME, 1), (_CLASSES, 2), (_SMALL, 2), (_SMALL, 2), (_SMALL, 2))  # of what is said, and how often broken


class PictureTiles:
    """Lays out what is drawn of pictures before the page has its size.

    Args:
        page: To be drawn on.
        rows: Reliable ones, of pictures.

    Examples:
        >>> PictureTiles(Page(), []).height
        0.0
    """

    def __init__(self, page: Page, rows: Sequence[ExplainedRow]) -> None:
        self._page, self._rows = page, rows
        self._columns = max(1, min(len(rows), 2 if len(rows) <= 8 else 3))
        self._captions = [self._caption(row) for row in rows]
        starts = range(0, len(rows), self._columns)
        self._tall = [
            max(
                sum(len(lines) * style.line for lines, style in caption)
                for caption in self._captions[start : start + self._columns]
            )
            + snap(_BOX + 0.08)
            for start in starts
        ]
        self.width = self._columns * _TILE + (self._columns - 1) * _GAP if rows else 0.0
        self.height = sum(self._tall) + _GAP * max(len(self._tall) - 1, 0)

    def draw(self, left: float, top: float) -> None:
        """Draws them below and right of a point."""
        for line, tall in enumerate(self._tall):
            for column in range(self._columns):
                number = line * self._columns + column
                if number < len(self._rows):
                    self._draw(number, snap(left + column * (_TILE + _GAP)), snap(top))
            top += tall + _GAP

    def _draw(self, number: int, left: float, top: float) -> None:
        row, page = self._rows[number], self._page
        shown = thumbnail(np.asarray(row.item).transpose(1, 2, 0), round(_BOX * DPI), row.name)
        for place, picture in enumerate((shown, overlay(shown, row.attribution.values))):
            x = snap(left + place * (_BOX + _APART))
            page.rectangle((x, top, _BOX, _BOX), facecolor=_BACKING, zorder=-1)
            across, down = ((_BOX - side / DPI) / 2 for side in picture.size)
            page.image(snap(x + across), snap(top + down), np.asarray(picture))
        y = top + _BOX + 0.08
        for lines, style in self._captions[number]:
            y += page.lines(left, y, lines, style)

    def _caption(self, row: ExplainedRow) -> list[tuple[list[str], Style]]:
        told = caption(row)
        each = zip(told, _LINES, strict=True)
        return [(self._page.wrap(text[:400], _TILE, style, most), style) for text, (style, most) in each]


def caption(row: ExplainedRow) -> tuple[str, str, str, str, str]:
    """Returns what is said of a row: name, classes, what its values are of, what they share, and where they lie.

    Examples:
        >>> from fairlead.records import Attribution, AttributionCertificate
        >>> found = Attribution("yes", np.array([[1.0, 2.0]]), 0.5, 3.5, AttributionCertificate(0.0, 1.0, 0.0))
        >>> caption(ExplainedRow(7, "row 7", found, "yes", "no", (), ("a", "word"), {}))[1]
        'true no, predicted yes: wrong'
    """
    true = f"true {row.target}, " if row.target else ""
    full = f"; full colour at {strong(row.attribution.values):.2g}"
    said = f"{true}predicted {row.predicted}: {answer(row)}"
    return row.name, said, of_what(row), row.attribution.worth + full, on_regions(row)
