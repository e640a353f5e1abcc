"""The explained texts of a sheet: their words on the colours of their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairlead.records import ExplainedRow
from fairlead.report.explained_pictures import caption
from fairlead.report.explained_words import breaks, is_leftward, words_of
from fairlead.report.lettering import percent
from fairlead.report.page import MUTED, Page, Style
from fairlead.report.tint import on_paper

_CAPTION, _TEXT, _GAP = 3.7, 6.2, 0.3  # inches: what is said of a row, its words beside it, between two rows
_BODY, _SMALL = Style(10), Style(8, MUTED)
_LINE, _SPACE, _PAD = 0.235, 0.07, 0.02  # of words
_LOOKS = ((Style(9, bold=True), 2), (Style(9), 3), (_SMALL, 3), (_SMALL, 2), (_SMALL, 3))
_LONGEST = 200  # characters of a word: more than a line holds


@dataclass(frozen=True)
class _Word:
    text: str
    line: int
    left: float
    width: float
    padding: float
    colour: tuple[int, int, int]


class TextList:
    """Lays out what is drawn of texts before the page has its size.

    Args:
        page: To be drawn on.
        rows: Reliable ones, of texts.

    Examples:
        >>> TextList(Page(), []).height
        0.0
    """

    def __init__(self, page: Page, rows: Sequence[ExplainedRow]) -> None:
        self._page, self._rows = page, rows
        self._lines = 14 if len(rows) <= 12 else 4  # of one text at most
        self._widths: dict[str, float] = {}
        self._captions = [self._caption(row) for row in rows]
        self._words = [self._flow(row) for row in rows]
        self._rest = [self._left_out(row, len(words)) for row, words in zip(rows, self._words, strict=True)]
        self._tall = [
            max(sum(len(lines) * style.line for lines, style in told), self._depth(words) + bool(rest) * _LINE)
            for told, words, rest in zip(self._captions, self._words, self._rest, strict=True)
        ]
        self.width = _CAPTION + _TEXT if rows else 0.0
        self.height = sum(self._tall) + _GAP * max(len(rows) - 1, 0)

    def draw(self, left: float, top: float) -> None:
        """Draws them below and right of a point."""
        page, start = self._page, left + _CAPTION
        for told, words, rest, tall in zip(self._captions, self._words, self._rest, self._tall, strict=True):
            y = top
            for lines, style in told:
                y += page.lines(left, y, lines, style)
            for word in words:
                x, upper = start + word.left, top + word.line * _LINE
                box = (x - word.padding, upper, word.width + 2 * word.padding, _LINE - 0.03)
                red, green, blue = word.colour
                page.rectangle(box, facecolor=f"#{red:02x}{green:02x}{blue:02x}")
                page.text(x, upper + 0.152, word.text, _BODY, va="baseline")
            if rest:
                page.text(start, top + self._depth(words) + 0.04, rest, _SMALL, va="top")
            top += tall + _GAP

    def _flow(self, row: ExplainedRow) -> list[_Word]:
        """Breaks the words of a text into lines; a text that runs from right to left starts at the right."""
        words, before = words_of(row), breaks(row)
        leftward = is_leftward(words)
        flowed: list[_Word] = []
        line, x = 0, 0.0
        for number, (word, colour) in enumerate(zip(words, on_paper(row.attribution.values.ravel()), strict=True)):
            shown = self._page.shorten(word[:_LONGEST], _TEXT, _BODY, at="end")
            width = self._widths.setdefault(shown, self._page.width_of(shown, _BODY) if shown else 0.0)
            x += _SPACE if before[number] == " " else 0.0
            if x + width > _TEXT or before[number] == "\n":
                line, x = line + 1, 0.0
            if line >= self._lines:
                break
            glued = before[number] == "" or before[number + 1 : number + 2] == [""]
            place = _TEXT - x - width if leftward else x
            flowed.append(_Word(shown, line, place, width, 0.0 if glued else _PAD, colour))
            x += width
        return flowed

    def _left_out(self, row: ExplainedRow, shown: int) -> str:
        sizes = np.abs(np.nan_to_num(row.attribution.values.ravel()))
        if shown == len(sizes):
            return ""
        share = percent(float(sizes[shown:].sum()), float(sizes.sum()) or 1.0)
        return f"\u2026 and {len(sizes) - shown:,} more words, with {share} of the absolute values"

    def _depth(self, words: list[_Word]) -> float:
        return (words[-1].line + 1) * _LINE if words else 0.0

    def _caption(self, row: ExplainedRow) -> list[tuple[list[str], Style]]:
        width = _CAPTION - 0.25
        each = zip(caption(row), _LOOKS, strict=True)
        return [(self._page.wrap(text[:400], width, style, most), style) for text, (style, most) in each]
