"""Picture: the rows a model was most wrong about."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import UnreadableFileError
from fairlead.records import Predictions, RunFolder
from fairlead.report.lettering import REMEDY, lacks_a_font, percent
from fairlead.report.loss_rows import LossRow, worst_rows
from fairlead.report.page import DPI, INK, MUTED, Look, Page, Style, png_of, snap
from fairlead.report.shade import RIGHT, WRONG
from fairlead.report.thumbnail import thumbnail

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN, _GAP = 0.3, 0.28
_BOX = 2.0  # inches: the square that a picture is fitted into
_CAPTION = 0.88  # inches: four lines under it
_BACKING = "#f0f1f3"
_UNREADABLE = "#d8dbdf"


def draw_top_losses(
    predictions: Predictions,
    pictures: Callable[[int], NDArray[np.uint8]],
    path: Path,
    *,
    names: Callable[[int], str] | None = None,
    count: int = 12,
    title: str = "",
) -> None:
    """Writes a contact sheet of the rows with the highest loss, -log p(true class), as a PNG.

    Wrong labels collect here first, and so do the pictures that no model can tell. Each is drawn
    unstretched with its true and predicted class, their probabilities, its loss and its name; rows that the
    model got wrong are framed in vermilion, those it got right, but with the least certainty, in blue. Rows
    whose class is not known are left out.

    Args:
        predictions: Answers for N rows of one split.
        pictures: Gives (H, W, 3) pixels for the row's index in its dataset. Where it raises
            ``UnreadableFileError``, a grey tile shows the reason.
        path: The file to write, whole or not at all.
        names: Gives what to call a row, such as its file name; "row 17" if it is left out.
        count: The most tiles to draw.
        title: What stands above them.

    Raises:
        ConfigurationError: fewer than one tile is asked for.
        DataError: ``pictures`` gives something that is not (H, W, 3) of uint8.

    Examples:
        >>> import tempfile
        >>> from fairlead.records import Labels
        >>> some = Predictions(np.eye(2), np.array([0, 1]), np.array([0, 1]), Labels(("cat", "dog")))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "top_losses.png"
        ...     draw_top_losses(some, lambda index: np.zeros((8, 8, 3), dtype=np.uint8), path)
        ...     path.stat().st_size > 5000
        True
    """
    figure = top_losses_figure(predictions, pictures, names=names, count=count, title=title)
    RunFolder.write_atomically(path, png_of(figure))


def top_losses_figure(
    predictions: Predictions,
    pictures: Callable[[int], NDArray[np.uint8]],
    *,
    names: Callable[[int], str] | None = None,
    count: int = 12,
    title: str = "",
) -> Figure:
    """Returns the picture of ``draw_top_losses`` as a matplotlib figure, to look at or to save elsewhere.

    Raises:
        ConfigurationError: fewer than one tile is asked for.
        DataError: ``pictures`` gives something that is not (H, W, 3) of uint8.

    Examples:
        >>> from fairlead.records import Labels
        >>> some = Predictions(np.eye(2), np.array([0, 0]), np.array([0, 1]), Labels(("cat", "dog")))
        >>> figure = top_losses_figure(some, lambda index: np.zeros((8, 8, 3), dtype=np.uint8))
        >>> figure.texts[0].get_text(), figure.texts[1].get_text()
        ('Largest losses', '2 of 2 rows: the largest losses, -log p(true class)')
    """
    rows = worst_rows(predictions, count, names)
    return _draw(rows, pictures, title or "Largest losses", int((predictions.targets >= 0).sum()))


def _draw(rows: list[LossRow], pictures: Callable[[int], NDArray[np.uint8]], title: str, known: int) -> Figure:
    page = Page()
    columns = max(1, min(len(rows), 4 if len(rows) <= 12 else 5 if len(rows) <= 20 else 6))
    width = max(2 * _MARGIN + columns * _BOX + (columns - 1) * _GAP, 5.6)
    texts = [title, *(text for row in rows for text in (row.name, row.true[0], row.predicted[0]))]
    subtitle = f"{len(rows):,} of {known:,} rows: the largest losses, -log p(true class)" if rows else "No rows"
    head = page.heading(title, subtitle, [REMEDY] * lacks_a_font(texts), width - 2 * _MARGIN)
    top = _MARGIN + sum(len(lines) * style.line for lines, style in head) + 0.45
    tall = _BOX + _CAPTION + _GAP
    page.resize(width, top + max(math.ceil(len(rows) / columns) * tall - _GAP, 0) + _MARGIN)

    y = _MARGIN
    for lines, style in head:
        y += page.lines(_MARGIN, y, lines, style)
    draw_legend(page, _MARGIN, y + 0.14, rows)
    for number, row in enumerate(rows):
        # On whole pixels, where the picture lies: otherwise its frame would cover one side of it.
        left, upper = snap(_MARGIN + number % columns * (_BOX + _GAP)), snap(top + number // columns * tall)
        _draw_picture(page, left, upper, row, pictures)
        _draw_caption(page, left, upper + _BOX + 0.2, row)
    return page.figure


def draw_legend(page: Page, left: float, y: float, rows: list[LossRow]) -> None:
    """Says what the frames mean, and how many rows have each; starts at (``left``, ``y``)."""
    for colour, label, right in ((WRONG, "wrong", False), (RIGHT, "right, but least sure", True)):
        here = sum(row.right is right for row in rows)
        if here:
            page.rectangle((left + 0.02, y, 0.13, 0.13), edgecolor=colour, linewidth=2.5)
            page.text(left + 0.24, y + 0.065, f"{here} {label}", Style(9), va="center_baseline")
            left += page.width_of(f"{here} {label}", Style(9)) + 0.55


def _draw_picture(
    page: Page, left: float, top: float, row: LossRow, pictures: Callable[[int], NDArray[np.uint8]]
) -> None:
    frame: Look = {"edgecolor": RIGHT if row.right else WRONG, "linewidth": 2.5}
    try:
        pixels = pictures(row.index)
    except UnreadableFileError as error:
        page.rectangle((left, top, _BOX, _BOX), facecolor=_UNREADABLE)
        page.rectangle((left, top, _BOX, _BOX), **frame)
        small = Style(8)
        page.text(left + 0.12, top + 0.12, "cannot be shown", Style(8, bold=True), va="top")
        page.lines(left + 0.12, top + 0.32, page.wrap(str(error), _BOX - 0.24, small, 9), small)
        return
    page.rectangle((left, top, _BOX, _BOX), facecolor=_BACKING, zorder=-1)
    fitted = np.asarray(thumbnail(pixels, round(_BOX * DPI), row.name))
    tall, wide = fitted.shape[0] / DPI, fitted.shape[1] / DPI
    page.image(snap(left + (_BOX - wide) / 2), snap(top + (_BOX - tall) / 2), fitted)
    page.rectangle((left, top, _BOX, _BOX), **frame)


def _draw_caption(page: Page, left: float, top: float, row: LossRow) -> None:
    colour = RIGHT if row.right else WRONG
    y = top
    for word, (name, probability), ink in (("true", row.true, INK), ("predicted", row.predicted, colour)):
        strong, share = Style(9, ink, bold=True), percent(probability)
        end = left + _BOX - page.width_of(share, Style(9)) - 0.08
        start = left + 0.62
        page.text(left, y, word, Style(8, MUTED), va="baseline")
        page.text(start, y, page.shorten(name, end - start, strong), strong, va="baseline")
        page.text(left + _BOX, y, share, Style(9), ha="right", va="baseline")
        y += 0.19
    page.text(left, y, row.loss, Style(8.5), va="baseline")
    small = Style(8, MUTED)
    page.text(left, y + 0.17, page.shorten(row.name, _BOX, small), small, va="baseline")
