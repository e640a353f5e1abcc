"""Picture: how a model treats the groups of each sensitive feature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.evidence import Finding, Ledger, Verdict
from fairlead.judgement import GroupRow, group_table
from fairlead.measures import GroupTally
from fairlead.records import RunFolder
from fairlead.report.lettering import REMEDY, lacks_a_font
from fairlead.report.page import INK, MUTED, Page, Style, png_of
from fairlead.report.shade import RIGHT, WRONG

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATES = {
    "true_positive_rate": ("True positive rate", "positives that are found"),
    "false_positive_rate": ("False positive rate", "negatives taken for positive"),
    "selection_rate": ("Selection rate", "rows predicted positive"),
}
MOST_GROUPS = 24

_MARGIN, _ROW, _GAP = 0.3, 0.26, 0.2
_PLOT, _NUMBERS = 1.75, 1.0  # inches of an axis from 0 to 1, and of the figures beside it
_COLUMN = _PLOT + _NUMBERS + 0.2
_RADIUS, _LONGEST = 0.045, 1.9
_FEATURE, _NAME, _FIGURE, _SMALL = Style(11, bold=True), Style(9.5), Style(8.5), Style(7.5, MUTED)
_GRID, _BAND = "#d8dee4", "#e4eff7"
_COLOURS = {Verdict.FLAGGED: WRONG, Verdict.FAILED: WRONG, Verdict.CLEAR: RIGHT}


def draw_groups(
    tallies: Sequence[GroupTally],
    path: Path,
    *,
    findings: Ledger | None = None,
    title: str = "",
    note: str = "",
    fewest: int = 10,
) -> None:
    """Writes each group's rates with their intervals as a PNG, a block for each feature, and the verdicts below.

    A band as wide as the limit ends at the highest rate: a group whose rate lies left of it differs by more than is
    accepted. A hollow dot has fewer rows than the limit asks for; a group of fewer than ``fewest`` is not shown. Of
    more than two classes, the one whose groups are farthest apart is drawn.

    Args:
        tallies: One for each feature or intersection, of the rows of one split.
        path: The file to write, whole or not at all.
        findings: Of the same rows; they bring limits and verdicts.
        title: What stands above it.
        note: A sentence under the title.
        fewest: Rows from which a group is shown.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from fairlead.measures import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels, ones = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes")), np.ones(40, dtype=np.int64)
        >>> tally = GroupTally.count(by, labels, np.arange(40) % 2, ones, ones)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     draw_groups([tally], Path(folder) / "groups.png")
        ...     (Path(folder) / "groups.png").stat().st_size > 5000
        True
    """
    figure = groups_figure(tallies, findings=findings, title=title, note=note, fewest=fewest)
    RunFolder.write_atomically(path, png_of(figure))


def groups_figure(
    tallies: Sequence[GroupTally],
    *,
    findings: Ledger | None = None,
    title: str = "",
    note: str = "",
    fewest: int = 10,
) -> Figure:
    """Returns the picture of ``draw_groups`` as a matplotlib figure, to look at or to save elsewhere.

    Examples:
        >>> groups_figure([], title="Groups").texts[1].get_text()
        'No sensitive feature was declared: nothing was tested'
    """
    return _Sheet(tallies, findings or Ledger(), (title, note), fewest).draw()


class _Block:
    """One feature: its groups and, for each rate, the row of each group."""

    def __init__(self, tally: GroupTally, ledger: Ledger, fewest: int) -> None:
        self.feature = tally.by.feature
        positions = sorted(range(len(tally.by.groups)), key=lambda code: (-int(tally.rows[code]), code))[:MOST_GROUPS]
        self.groups = [tally.by.groups[code] for code in sorted(positions)]
        self.left_out = len(tally.by.groups) - len(self.groups)
        self.missing = int(tally.rows[-1])
        self.family: dict[str, str] = {}
        self.rows: dict[str, list[GroupRow]] = {}
        self.finding: dict[str, Finding | None] = {}
        for rate in RATES:
            families: dict[str, list[GroupRow]] = {}
            for row in group_table(tally, rate, fewest=fewest):
                families.setdefault(row.family, []).append(row)
            chosen = max(families, key=lambda family: _spread(families[family]))
            self.family[rate] = chosen if len(families) > 1 else ""
            self.rows[rate] = [families[chosen][code] for code in sorted(positions)]
            name = f"{rate}_difference"
            named = [found for found in ledger if (found.feature, found.figure) == (self.feature, name)]
            self.finding[rate] = named[0] if named else None

    @property
    def height(self) -> float:
        """Inches: a heading, an axis, the groups, a verdict of two lines."""
        return 0.66 + _ROW * (len(self.groups) + bool(self.left_out)) + 0.52


def _spread(rows: Sequence[GroupRow]) -> float:
    values = [row.estimate.value for row in rows if row.estimate]
    return max(values) - min(values) if values else -1.0


def _highest(rows: Sequence[GroupRow], fewest: int) -> float | None:
    """Returns the highest rate of a group with rows enough; that of a handful of rows is no measure for others."""
    values = [row.estimate.value for row in rows if row.estimate and row.rows is not None and row.rows >= fewest]
    return max(values, default=None)


class _Sheet:
    """One drawing: measures everything, sizes the page, then draws from top to bottom."""

    def __init__(self, tallies: Sequence[GroupTally], ledger: Ledger, words: tuple[str, str], fewest: int) -> None:
        self.page = Page()
        self.blocks = [_Block(tally, ledger, fewest) for tally in tallies]
        self.fewest = fewest
        title, note = words
        self.title = title or "Groups"
        if self.blocks:
            positive = f"Positive means {tallies[0].labels[1]!r}; dots" if len(tallies[0].labels) == 2 else "Dots"
            self.subtitle = f"{positive} are rates of groups, lines their 95 % intervals"
        else:
            self.subtitle = "No sensitive feature was declared: nothing was tested"
        names = [name for block in self.blocks for name in (block.feature, *block.groups)]
        self.notes = [note] * bool(note) + [REMEDY] * lacks_a_font([title, note, *names])

    def draw(self) -> Figure:
        """Returns the finished figure."""
        page = self.page
        names = [(name, _NAME) for block in self.blocks for name in block.groups]
        names += [(block.feature, _FEATURE) for block in self.blocks]
        widths = [min(_LONGEST, page.width_of(name, style)) for name, style in names]
        left = _MARGIN + max(widths, default=1.0) + 0.25
        width = left + len(RATES) * _COLUMN - 0.2 + _MARGIN
        head = page.heading(self.title, self.subtitle, self.notes, width - 2 * _MARGIN)
        top = _MARGIN + sum(len(lines) * style.line for lines, style in head) + 0.25
        foot = 0.55 if self.blocks else 0.0
        page.resize(width, top + sum(block.height + _GAP for block in self.blocks) + foot + _MARGIN * 0.5)
        y = _MARGIN
        for lines, style in head:
            y += page.lines(_MARGIN, y, lines, style)
        y = top
        for block in self.blocks:
            self._draw_block(block, left, y, width)
            y += block.height + _GAP
        if self.blocks:
            self._draw_legend(y)
        return page.figure

    def _draw_block(self, block: _Block, left: float, top: float, width: float) -> None:
        page = self.page
        page.rectangle((_MARGIN, top, width - 2 * _MARGIN, 0.012), facecolor=INK)
        feature = page.shorten(block.feature, left - _MARGIN - 0.15, _FEATURE)
        page.text(_MARGIN, top + 0.22, feature, _FEATURE, va="center_baseline")
        first = top + 0.66
        for number, group in enumerate(block.groups):
            y = first + (number + 0.5) * _ROW
            page.text(left - 0.2, y, page.shorten(group, _LONGEST, _NAME), _NAME, ha="right", va="center_baseline")
        told = [f"{block.left_out} smaller groups are not drawn"] * bool(block.left_out)
        if told:
            y = first + (len(block.groups) + 0.5) * _ROW
            page.text(left, y, told[0], _SMALL, va="center_baseline")
        for number, rate in enumerate(RATES):
            self._draw_rate(block, rate, left + number * _COLUMN, top)

    def _draw_rate(self, block: _Block, rate: str, left: float, top: float) -> None:
        page, (name, what) = self.page, RATES[rate]
        of_class = f" of {block.family[rate]}" if block.family[rate] else ""
        page.text(left, top + 0.16, name, Style(9.5, bold=True), va="center_baseline")
        told = page.shorten(of_class.strip() or what, _COLUMN - 0.15, _SMALL)
        page.text(left, top + 0.33, told, _SMALL, va="center_baseline")
        first, high = top + 0.66, _ROW * len(block.groups)
        finding = block.finding[rate]
        limit = finding.limit if finding else None
        top_rate = _highest(block.rows[rate], limit.rows) if limit else None
        if limit and top_rate is not None:
            start = max(0.0, top_rate - limit.most)
            page.rectangle((left + start * _PLOT, first, (top_rate - start) * _PLOT, high), facecolor=_BAND, zorder=0)
        for end, word in ((_PLOT + 0.5, "rate"), (_PLOT + _NUMBERS, "rows")):
            page.text(left + end, first - 0.06, word, Style(7, MUTED), ha="right", va="bottom")
        for place in (0.0, 0.5, 1.0):
            page.rectangle((left + place * _PLOT - 0.004, first - 0.04, 0.008, high + 0.04), facecolor=_GRID)
            page.text(left + place * _PLOT, first - 0.06, f"{place:g}", Style(7, MUTED), ha="center", va="bottom")
        for number, row in enumerate(block.rows[rate]):
            self._draw_row(row, left, first + (number + 0.5) * _ROW, limit.rows if limit else 1)
        if finding:
            below = first + high + _ROW * bool(block.left_out)
            self._draw_verdict(finding, left, below)

    def _draw_row(self, row: GroupRow, left: float, y: float, fewest: int) -> None:
        page, end = self.page, left + _PLOT + _NUMBERS
        if row.estimate is None or row.rows is None:
            told = "too few to show" if row.suppressed else "no rows"
            page.text(end, y, told, _SMALL, ha="right", va="center_baseline")
            return
        low, value, high = (left + _PLOT * share for share in (row.estimate.low, row.estimate.value, row.estimate.high))
        enough = row.rows >= fewest
        page.rectangle((low, y - 0.01, high - low, 0.02), facecolor=INK if enough else MUTED, zorder=2)
        page.dot(value, y, _RADIUS, facecolor=INK if enough else "white", edgecolor=INK if enough else MUTED, zorder=3)
        page.text(left + _PLOT + 0.5, y, f"{row.estimate.value:.2f}", _FIGURE, ha="right", va="center_baseline")
        page.text(end, y, f"{row.rows:,}", _SMALL, ha="right", va="center_baseline")

    def _draw_verdict(self, finding: Finding, left: float, top: float) -> None:
        page, verdict = self.page, finding.verdict
        style = Style(9, _COLOURS.get(verdict, MUTED), bold=True)
        page.text(left, top + 0.2, verdict.value.replace("_", " "), style, va="center_baseline")
        if finding.limit is None:
            return
        found, most = finding.estimate, f"limit {finding.limit.most:g}"
        measured = verdict in (Verdict.CLEAR, Verdict.FLAGGED, Verdict.UNDECIDED)
        gap = f"gap {found.value:.2f} [{found.low:.2f}, {found.high:.2f}], " if found and measured else ""
        page.text(left, top + 0.37, gap + most, _SMALL, va="center_baseline")

    def _draw_legend(self, top: float) -> None:
        page, y = self.page, top + 0.08
        page.rectangle((_MARGIN, y - 0.07, 0.24, 0.14), facecolor=_BAND)
        x = _MARGIN + 0.32
        words = "as far below the highest rate as the limit accepts"
        page.text(x, y, words, _SMALL, va="center_baseline")
        x += page.width_of(words, _SMALL) + 0.3
        page.dot(x, y, _RADIUS, facecolor="white", edgecolor=MUTED)
        page.text(x + 0.12, y, "fewer rows than the limit asks for", _SMALL, va="center_baseline")
        told = (
            f"Groups of fewer than {self.fewest} rows are not shown, nor the next smallest if there is one such group."
        )
        page.text(_MARGIN, y + 0.2, told, _SMALL, va="center_baseline")
