"""Picture: the texts a model was most wrong about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.records import Predictions, RunFolder
from fairlead.report.lettering import REMEDY, lacks_a_font, percent
from fairlead.report.loss_rows import LossRow, worst_rows
from fairlead.report.page import INK, MUTED, Page, Style, png_of
from fairlead.report.shade import RIGHT, WRONG
from fairlead.report.top_losses import draw_legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN, _GAP = 0.3, 0.16
_CAPTION, _TEXT = 2.1, 6.2  # inches: what is said of a row, and the row's text beside it
_PAD = 0.12
_LINES = 5  # of a text at most
_READ = 1200  # characters: more than five lines hold
_BODY = Style(9)


def draw_text_losses(
    predictions: Predictions,
    texts: Callable[[int], str | tuple[str, str]],
    path: Path,
    *,
    names: Callable[[int], str] | None = None,
    count: int = 12,
    title: str = "",
) -> None:
    """Writes the texts with the highest loss, -log p(true class), as a PNG: a list, the worst first.

    Wrong labels collect here first, and so do the texts that no model can tell. Beside the start of each text stand
    its true and predicted class, their probabilities, its loss and its name; rows that the model got wrong have a
    bar in vermilion, those it got right, but with the least certainty, in blue. Rows whose class is not known are
    left out.

    Args:
        predictions: Answers for N rows of one split.
        texts: Gives the text, or the pair of texts, of the row's index in its dataset.
        path: The file to write, whole or not at all.
        names: Gives what to call a row; "row 17" if it is left out.
        count: The most texts to show.
        title: What stands above them.

    Raises:
        ConfigurationError: fewer than one text is asked for.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from fairlead.records import Labels
        >>> some = Predictions(np.eye(2), np.array([0, 1]), np.array([0, 1]), Labels(("decline", "invite")))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "top_losses.png"
        ...     draw_text_losses(some, lambda index: "I write about the post you advertise.", path)
        ...     path.stat().st_size > 3000
        True
    """
    figure = text_losses_figure(predictions, texts, names=names, count=count, title=title)
    RunFolder.write_atomically(path, png_of(figure))


def text_losses_figure(
    predictions: Predictions,
    texts: Callable[[int], str | tuple[str, str]],
    *,
    names: Callable[[int], str] | None = None,
    count: int = 12,
    title: str = "",
) -> Figure:
    """Returns the picture of ``draw_text_losses`` as a matplotlib figure, to look at or to save elsewhere.

    Raises:
        ConfigurationError: fewer than one text is asked for.

    Examples:
        >>> import numpy as np
        >>> from fairlead.records import Labels
        >>> some = Predictions(np.eye(2), np.array([0, 0]), np.array([0, 1]), Labels(("decline", "invite")))
        >>> figure = text_losses_figure(some, lambda index: "I write about the post you advertise.")
        >>> figure.texts[0].get_text(), figure.texts[1].get_text()
        ('Largest losses', '2 of 2 rows: the largest losses, -log p(true class)')
    """
    rows = worst_rows(predictions, count, names)
    page, known = Page(), int((predictions.targets >= 0).sum())
    shown = [_one_line(texts(row.index)) for row in rows]
    said = [title, *shown, *(text for row in rows for text in (row.name, row.true[0], row.predicted[0]))]
    width = 2 * _MARGIN + _CAPTION + _TEXT
    subtitle = f"{len(rows):,} of {known:,} rows: the largest losses, -log p(true class)" if rows else "No rows"
    notes = [REMEDY] * lacks_a_font(said)
    head = page.heading(title or "Largest losses", subtitle, notes, width - 2 * _MARGIN)
    broken = [page.wrap(text, _TEXT - 2 * _PAD, _BODY, _LINES) for text in shown]
    tall = [max(0.78, len(lines) * _BODY.line) + 2 * _PAD for lines in broken]
    top = _MARGIN + sum(len(lines) * style.line for lines, style in head) + 0.45
    page.resize(width, top + sum(tall) + _GAP * max(len(rows) - 1, 0) + _MARGIN)

    y = _MARGIN
    for lines, style in head:
        y += page.lines(_MARGIN, y, lines, style)
    draw_legend(page, _MARGIN, y + 0.14, rows)
    for row, lines, height in zip(rows, broken, tall, strict=True):
        page.rectangle((_MARGIN, top, 0.06, height), facecolor=RIGHT if row.right else WRONG)
        _draw_caption(page, _MARGIN + 0.06 + _PAD, top + _PAD, row)
        page.lines(_MARGIN + _CAPTION + _PAD, top + _PAD, lines, _BODY)
        top += height + _GAP
    return page.figure


def _draw_caption(page: Page, left: float, top: float, row: LossRow) -> None:
    right = _MARGIN + _CAPTION - _PAD
    for word, (name, probability), ink in (
        ("true", row.true, INK),
        ("predicted", row.predicted, RIGHT if row.right else WRONG),
    ):
        strong, share = Style(9, ink, bold=True), percent(probability)
        start, end = left + 0.62, right - page.width_of(share, Style(9)) - 0.06
        page.text(left, top + 0.12, word, Style(8, MUTED), va="baseline")
        page.text(start, top + 0.12, page.shorten(name, end - start, strong), strong, va="baseline")
        page.text(right, top + 0.12, share, Style(9), ha="right", va="baseline")
        top += 0.19
    small = Style(8, MUTED)
    page.text(left, top + 0.12, row.loss, Style(8.5), va="baseline")
    page.text(left, top + 0.30, page.shorten(row.name, right - left, small), small, va="baseline")


def _one_line(text: str | tuple[str, str]) -> str:
    """Returns the start of a text without line breaks; of a pair, half of each."""
    if isinstance(text, str):
        return " ".join(text[:_READ].split())
    return " | ".join(" ".join(part[: _READ // 4].split()) for part in text)
