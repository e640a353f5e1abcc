"""Picture: which classes a model takes for which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fairlead.records import Predictions, RunFolder
from fairlead.report.lettering import REMEDY, lacks_a_font, percent
from fairlead.report.page import DPI, INK, MUTED, Align, Page, Style, png_of
from fairlead.report.shade import ink_on, shades

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN, _GAP = 0.3, 0.12
_MOST_WITH_TEXT = 25  # classes; a cell of more has no room for two readable lines
_EMPTY = (235, 236, 238)  # a class without rows: grey, neither right nor wrong
_NEVER = (251, 251, 251)  # a confusion that did not happen: without a tint, so that a single one that did is seen
_GUIDE = (208, 215, 222)  # the line after every fifth class, where cells are too small to count


def draw_confusion(predictions: Predictions, path: Path, *, title: str = "", note: str = "") -> None:
    """Writes the confusion matrix as a PNG: rows are true classes, columns predicted ones.

    Every cell holds its count and its share of the row; the diagonal, in blue, is the recall of each class.
    Beyond 25 classes cells have colour only, and the most confused pairs are listed beside them. Rows whose
    class is not known are left out and counted in the subtitle.

    Args:
        predictions: Answers for N rows of one split.
        path: The file to write, whole or not at all.
        title: What stands above it.
        note: A sentence under the accuracy, such as its interval.

    Examples:
        >>> import tempfile
        >>> from fairlead.records import Labels
        >>> some = Predictions(np.eye(2), np.array([0, 1]), np.array([0, 1]), Labels(("cat", "dog")))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     draw_confusion(some, Path(folder) / "confusion.png")
        ...     (Path(folder) / "confusion.png").stat().st_size > 5000
        True
    """
    RunFolder.write_atomically(path, png_of(confusion_figure(predictions, title=title, note=note)))


def confusion_figure(predictions: Predictions, *, title: str = "", note: str = "") -> Figure:
    """Returns the picture of ``draw_confusion`` as a matplotlib figure, to look at or to save elsewhere.

    Examples:
        >>> from fairlead.records import Labels
        >>> some = Predictions(np.eye(2), np.array([0, 1]), np.array([0, 1]), Labels(("cat", "dog")))
        >>> confusion_figure(some).texts[1].get_text()
        'Accuracy 100.0 %: 2 of 2 rows right'
    """
    return _Sheet(predictions, title, note).draw()


@dataclass(frozen=True)
class _Sizes:
    """What follows from the number of classes, in inches and points."""

    cell: float
    count: Style
    share: Style
    name: Style
    longest: float  # inches a class name may take

    @classmethod
    def of(cls, classes: int) -> _Sizes:
        for most, cell, count, name in ((4, 1.0, 13, 11), (8, 0.8, 11, 10), (14, 0.66, 9.5, 9), (25, 0.5, 7.5, 8)):
            if classes <= most:
                return cls(cell, Style(count, bold=True), Style(count * 0.78), Style(name), 1.9)
        cell = max(1, round(min(0.24, 11.5 / classes) * DPI)) / DPI  # whole pixels: every cell is as large as the next
        return cls(cell, Style(5), Style(5), Style(min(8, max(5.5, cell * 55))), 1.5)


class _Sheet:
    """One drawing: measures everything, sizes the page, then draws from top to bottom."""

    def __init__(self, predictions: Predictions, title: str, note: str) -> None:
        self.page = Page()
        classes = len(predictions.labels)
        known = predictions.targets >= 0
        pairs = predictions.targets[known] * classes + predictions.predicted[known]
        self.counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        self.rows = self.counts.sum(axis=1)
        self.shares = self.counts / np.maximum(self.rows, 1)[:, None]
        self.written = classes <= _MOST_WITH_TEXT
        self.sizes = _Sizes.of(classes)
        self.names = self._names(list(predictions.labels))
        self.title = title or "Confusion matrix"
        self.subtitle = self._accuracy(len(predictions))
        self.notes = [note] * bool(note) + [REMEDY] * lacks_a_font([title, note, *predictions.labels])

    def _names(self, names: list[str]) -> list[str]:
        """Shortens the names; those that become equal get their code as well."""
        short = [self.page.shorten(name, self.sizes.longest, self.sizes.name) for name in names]
        return [name if short.count(name) == 1 else f"{name} #{code}" for code, name in enumerate(short)]

    def _accuracy(self, rows: int) -> str:
        known, right = int(self.rows.sum()), int(np.trace(self.counts))
        answer = (
            f"Accuracy {percent(right, known, decimals=1)}: {right:,} of {known:,} rows right" if known else "No rows"
        )
        left_out = rows - known
        return answer + (f"; {left_out:,} without a known class left out" if left_out else "")

    def draw(self) -> Figure:
        """Returns the finished figure."""
        page, sizes, classes = self.page, self.sizes, len(self.names)
        widths = [page.width_of(name, sizes.name) for name in self.names]
        cell = max(sizes.cell, self._widest_cell()) if self.written else sizes.cell
        cell = round(cell * DPI) / DPI
        angle = 0 if max(widths) <= cell * 0.94 and self.written else 45 if cell >= 0.5 else 90
        count_width = max(page.width_of(f"{self.rows.max():,}", sizes.name), page.width_of("rows", Style(7.5)))
        left = _MARGIN + 0.3 + max(widths) + _GAP + count_width + _GAP
        side = cell * classes
        below = {0: sizes.name.line, 45: max(widths) * 0.71 + sizes.name.line, 90: max(widths) + 0.05}[angle]
        listed = self._pairs(side) if not self.written else []
        beside = 0.45 + 3.75 if listed else 0.0
        width = max(left + side + beside + _MARGIN, 5.6)
        head = page.heading(self.title, self.subtitle, self.notes, width - 2 * _MARGIN)
        top = _MARGIN + sum(len(lines) * style.line for lines, style in head) + 0.38
        page.resize(width, top + side + 0.1 + below + 0.3 + 0.55 + _MARGIN * 0.6)

        y = _MARGIN
        for lines, style in head:
            y += page.lines(_MARGIN, y, lines, style)
        self._draw_cells(left, top, cell)
        self._draw_row_names(left, top, cell, count_width)
        self._draw_column_names(left, top + side + 0.07, cell, angle)
        self._draw_axes(left, top, side, below)
        self._draw_legend(left if left + 4.5 < width else _MARGIN, top + side + 0.1 + below + 0.42)
        if listed:
            self._draw_pairs(left + side + 0.45, top, listed)
        return page.figure

    def _widest_cell(self) -> float:
        widest = f"{self.counts.max():,}"
        return max(self.page.width_of(widest, self.sizes.count), self.page.width_of(">99 %", self.sizes.share)) + 0.1

    def _draw_cells(self, left: float, top: float, cell: float) -> None:
        classes, pixels = len(self.names), round(cell * DPI)
        colours = shades(self.shares, "wrong")
        colours[self.counts == 0] = _NEVER
        diagonal = np.arange(classes)
        colours[diagonal, diagonal] = shades(np.diag(self.shares), "right")
        colours[self.rows == 0] = _EMPTY
        image = colours.repeat(pixels, axis=0).repeat(pixels, axis=1)
        if self.written or pixels >= 8:  # a white line between cells, as long as it leaves most of the cell
            image[::pixels] = image[:, ::pixels] = 255
        if not self.written:
            image[:: 5 * pixels] = image[:, :: 5 * pixels] = _GUIDE
        left, top = round(left * DPI) / DPI, round(top * DPI) / DPI
        self.page.image(left, top, image)
        self.page.rectangle((left, top, cell * classes, cell * classes), edgecolor="#8c959f", linewidth=0.8)
        if not self.written:
            return
        for true in range(classes):
            for answer in range(classes):
                self._write_cell(true, answer, left + (answer + 0.5) * cell, top + (true + 0.5) * cell, colours)
            box = (left + true * cell, top + true * cell, cell, cell)
            self.page.rectangle(box, edgecolor=INK, linewidth=1.2 if self.rows[true] else 0.6)

    def _write_cell(self, true: int, answer: int, x: float, y: float, colours: NDArray[np.uint8]) -> None:
        if not self.rows[true]:  # nothing to divide by: a dash, since 0 % would be a claim
            self.page.text(x, y, "\u2013", Style(self.sizes.count.size, MUTED), ha="center", va="center")
            return
        count, ink = int(self.counts[true, answer]), ink_on(colours[true, answer])
        large, small = self.sizes.count.size, self.sizes.share.size
        if count == 0 and true != answer:  # steps back, so that the errors stand out; that 0 is 0 % needs no saying
            self.page.text(x, y, "0", Style(small, MUTED), ha="center", va="center")
            return
        y += large / 72 * 0.12
        self.page.text(x, y, f"{count:,}", Style(large, ink, bold=True), ha="center", va="bottom")
        self.page.text(x, y, percent(count, int(self.rows[true])), Style(small, ink), ha="center", va="top")

    def _draw_row_names(self, left: float, top: float, cell: float, count_width: float) -> None:
        end, muted = left - _GAP, Style(self.sizes.name.size, MUTED)
        self.page.text(end, top - 0.06, "rows", Style(7.5, MUTED), ha="right", va="bottom")
        for code in self._labelled(cell):
            y = top + (code + 0.5) * cell
            self.page.text(end, y, f"{self.rows[code]:,}", muted, ha="right", va="center_baseline")
            name_end = end - count_width - _GAP
            self.page.text(name_end, y, self.names[code], self.sizes.name, ha="right", va="center_baseline")

    def _draw_column_names(self, left: float, top: float, cell: float, angle: int) -> None:
        for code in self._labelled(cell):
            x = left + (code + 0.5) * cell
            if angle == 45:
                align: Align = {"ha": "right", "va": "top", "rotation": 45, "rotation_mode": "anchor"}
                self.page.text(x + 0.05, top, self.names[code], self.sizes.name, **align)
            else:
                self.page.text(x, top, self.names[code], self.sizes.name, ha="center", va="top", rotation=angle)

    def _labelled(self, cell: float) -> range:
        """The classes whose names are written: all, or every second, third, ... where lines would overlap."""
        return range(0, len(self.names), max(1, int(np.ceil(self.sizes.name.size / 72 * 0.95 / cell))))

    def _draw_axes(self, left: float, top: float, side: float, below: float) -> None:
        style = Style(10, bold=True)
        turned: Align = {"ha": "center", "va": "center", "rotation": 90}
        self.page.text(_MARGIN + 0.08, top + side / 2, "true class", style, **turned)
        self.page.text(left + side / 2, top + side + 0.12 + below, "predicted class", style, ha="center", va="top")

    def _draw_legend(self, left: float, top: float) -> None:
        """Two strips of colour, each from none to all of a row."""
        small, ramp = Style(7.5, MUTED), np.linspace(0, 1, round(1.1 * DPI))
        for strip, label in ((shades(ramp, "right"), "right"), (shades(ramp, "wrong"), "taken for another")):
            self.page.image(left, top, strip[None].repeat(round(0.1 * DPI), axis=0))
            self.page.text(left, top + 0.13, "0 %", small, va="top")
            self.page.text(left + 1.1, top + 0.13, "100 %", small, ha="right", va="top")
            self.page.text(left + 1.2, top + 0.05, label, Style(8.5), va="center_baseline")
            self.page.text(left + 1.2, top + 0.13, "of the true class", small, va="top")
            left += 2.25

    def _pairs(self, side: float) -> list[tuple[int, int]]:
        """The most frequent confusions, as many as have room beside the matrix."""
        errors = self.counts - np.diag(np.diag(self.counts))
        true, answer = np.nonzero(errors)
        order = np.lexsort((answer, true, -self.shares[true, answer], -errors[true, answer]))
        return [(int(true[i]), int(answer[i])) for i in order[: min(30, int(side / 0.36))]]

    def _draw_pairs(self, left: float, top: float, pairs: list[tuple[int, int]]) -> None:
        page, name, small = self.page, Style(8), Style(8, MUTED)
        page.text(left, top, "Most confused", Style(10, bold=True), va="top")
        page.text(left, top + 0.2, "true \u2192 predicted, rows, share of the true class", Style(7.5, MUTED), va="top")
        for number, (true, answer) in enumerate(pairs):
            y = top + 0.5 + number * 0.2
            widths = [page.width_of(self.names[code], name) for code in (answer, true)]
            room = [max(1.3, 2.6 - width) for width in widths]  # a short name leaves its room to the other
            names = [
                page.shorten(self.names[code], inches, name) for code, inches in zip((true, answer), room, strict=True)
            ]
            page.text(left, y, f"{names[0]} \u2192 {names[1]}", name, va="center_baseline")
            page.text(left + 3.25, y, f"{self.counts[true, answer]:,}", name, ha="right", va="center_baseline")
            page.text(left + 3.75, y, percent(self.shares[true, answer]), small, ha="right", va="center_baseline")
