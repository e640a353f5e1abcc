"""Picture: what a model looks at in a few rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fairlead.records import ExplainedRow, RunFolder
from fairlead.report.explained_pictures import PictureTiles
from fairlead.report.explained_texts import TextList
from fairlead.report.explained_words import how_many, of_what, words_of
from fairlead.report.lettering import REMEDY, lacks_a_font
from fairlead.report.page import MUTED, Page, Style, png_of
from fairlead.report.tint import AGAINST, FOR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN = 0.3
_MOST = 64  # rows that are drawn
_LISTED = Style(8.5)


def draw_explanations(rows: Sequence[ExplainedRow], path: Path, *, title: str = "", note: str = "") -> None:
    """Writes a sheet of explained rows as a PNG.

    Beside each picture lies its map, in grey with what speaks for the class in red and what speaks against it in blue,
    each cell as large as it is; the words of a text lie on the same colours. Under it stand the row's name, its true
    and predicted class, what the map is of and how it was made, what the model says of the masked and of the whole
    item, and the share of the map on each declared region. Colours are full at the 97th percentile of each map: they
    compare the cells of one map, not two maps. A row whose certificate fails is listed with the reason and not drawn.

    Args:
        rows: Pictures, texts, or both; of more than 64 that are reliable the first 64 are drawn.
        path: The file to write, whole or not at all.
        title: What stands above them.
        note: A line under the title.

    Raises:
        DataError: pixels other than (3, H, W) of uint8, or words without a value.

    Examples:
        >>> import tempfile
        >>> from fairlead.records import Attribution, AttributionCertificate
        >>> checked = AttributionCertificate(0.0, 1.0, 0.0, 0.5, (1.0,) * 19, 0.9)
        >>> found = Attribution("yes", np.array([[1.0, 2.0]]), 0.5, 3.5, checked)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "explanations.png"
        ...     draw_explanations([ExplainedRow(7, "row 7", found, "yes", "no", (), ("a", "word"), {})], path)
        ...     path.stat().st_size > 3000
        True
    """
    RunFolder.write_atomically(path, png_of(explanations_figure(rows, title=title, note=note)))


def explanations_figure(rows: Sequence[ExplainedRow], *, title: str = "", note: str = "") -> Figure:
    """Returns the picture of ``draw_explanations`` as a matplotlib figure, to look at or to save elsewhere.

    Raises:
        DataError: pixels other than (3, H, W) of uint8, or words without a value.

    Examples:
        >>> explanations_figure([]).texts[1].get_text()
        'No rows'
    """
    reliable = [row for row in rows if row.attribution.certificate.reliable]
    drawn, doubtful = reliable[:_MOST], [row for row in rows if not row.attribution.certificate.reliable]
    page = Page()
    tiles = PictureTiles(page, [row for row in drawn if isinstance(row.item, np.ndarray)])
    texts = TextList(page, [row for row in drawn if not isinstance(row.item, np.ndarray)])
    inner = max(tiles.width, texts.width, 6.0)
    title = title or "What it looks at"
    head = page.heading(title, _subtitle(rows, len(drawn)), _notes(rows, title, note), inner)
    listed = _listed(page, doubtful, inner)

    top = _MARGIN + sum(len(lines) * style.line for lines, style in head) + (0.45 if drawn else 0.0)
    below = top + tiles.height + texts.height + 0.25 * (tiles.height > 0 and texts.height > 0)
    page.resize(inner + 2 * _MARGIN, below + sum(len(lines) * style.line for lines, style in listed) + _MARGIN)

    y = _MARGIN
    for lines, style in head:
        y += page.lines(_MARGIN, y, lines, style)
    if drawn:
        _draw_legend(page, y + 0.12)
    tiles.draw(_MARGIN, top)
    texts.draw(_MARGIN, below - texts.height)
    for lines, style in listed:
        below += page.lines(_MARGIN, below, lines, style)
    return page.figure


def _subtitle(rows: Sequence[ExplainedRow], drawn: int) -> str:
    doubtful = sum(not row.attribution.certificate.reliable for row in rows)
    left_out = f"; the first {drawn} are drawn" if len(rows) - doubtful > drawn else ""
    rest = "" if not doubtful else "; the other is listed" if doubtful == 1 else "; the others are listed"
    return how_many(rows) + left_out + (rest if drawn else "")


def _notes(rows: Sequence[ExplainedRow], title: str, note: str) -> list[str]:
    said = [title, note]
    for row in rows:
        said += [row.name, row.predicted, row.target, of_what(row), *row.mass, *words_of(row)]
    return [*([note] if note else []), *([REMEDY] if lacks_a_font(said) else [])]


def _listed(page: Page, doubtful: list[ExplainedRow], width: float) -> list[tuple[list[str], Style]]:
    if not doubtful:
        return []
    strong = Style(10, bold=True)
    listed: list[tuple[list[str], Style]] = [([""], _LISTED), (["Not reliable, and so not drawn"], strong)]
    for row in doubtful:
        name = page.shorten(row.name[:400], width / 2, _LISTED)
        listed.append((page.wrap(f"{name}: {row.attribution.certificate.reason}", width, _LISTED, 2), _LISTED))
    return listed


def _draw_legend(page: Page, y: float) -> None:
    left, small = _MARGIN, Style(9)
    for (red, green, blue), told in ((FOR, "for the class"), (AGAINST, "against it")):
        page.rectangle((left, y, 0.13, 0.13), facecolor=f"#{red:02x}{green:02x}{blue:02x}")
        page.text(left + 0.2, y + 0.065, told, small, va="center_baseline")
        left += page.width_of(told, small) + 0.45
    page.text(
        left, y + 0.065, "colours compare the parts of one row, not two rows", Style(9, MUTED), va="center_baseline"
    )
