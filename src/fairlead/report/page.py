"""A sheet to draw on, measured in inches from its top left corner."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from fairlead.report.lettering import can_be_bold, drawable, families

if TYPE_CHECKING:
    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure
    from matplotlib.text import Text

DPI = 150
INK = "#1f2328"
MUTED = "#656d76"  # 5.3 : 1 on white

_HEAD = ((14.0, INK, True, 2), (10.0, INK, False, 2), (8.5, MUTED, False, 3))  # size, colour, bold, most lines
_ELLIPSIS = "\u2026"


@dataclass(frozen=True)
class Style:
    """How a text is set.

    Attributes:
        size: Points.
        colour: Any name or code that matplotlib knows.
        bold: Bold where the font has the characters in bold.

    Examples:
        >>> Style(9, bold=True).line
        0.175
    """

    size: float
    colour: str = INK
    bold: bool = False

    @property
    def line(self) -> float:
        """Inches from one line to the next."""
        return self.size * 1.4 / 72


class Align(TypedDict, total=False):
    """How a text lies about its point; matplotlib's own words.

    Examples:
        >>> Align(ha="right", rotation=45)
        {'ha': 'right', 'rotation': 45}
    """

    ha: Literal["left", "center", "right"]
    va: Literal["top", "center", "center_baseline", "baseline", "bottom"]
    rotation: float
    rotation_mode: Literal["default", "anchor"]


class Look(TypedDict, total=False):
    """How a rectangle looks; matplotlib's own words, without face, edge or both if left out.

    Examples:
        >>> Look(edgecolor="black")
        {'edgecolor': 'black'}
    """

    facecolor: str
    edgecolor: str
    linewidth: float
    zorder: float


class Page:
    """A matplotlib figure without axes, on which every text is set in a way that cannot fail or warn.

    Everything is given explicitly, so that neither the user's matplotlibrc nor pyplot's state changes a
    picture, and nothing here changes theirs. Measure first, then ``resize``, then draw.

    Examples:
        >>> page = Page()
        >>> page.resize(2, 1)
        >>> page.text(0.1, 0.5, "price_in_$").get_text()
        'price_in_$'
        >>> png_of(page.figure)[1:4]
        b'PNG'
    """

    def __init__(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=(1, 1), dpi=DPI, facecolor="white", edgecolor="none")
        self._renderer: RendererBase = FigureCanvasAgg(self.figure).get_renderer()

    def resize(self, width: float, height: float) -> None:
        """Sets the size in inches, rounded up to whole pixels."""
        self.figure.set_size_inches(math.ceil(round(width * DPI, 6)) / DPI, math.ceil(round(height * DPI, 6)) / DPI)

    def width_of(self, text: str, style: Style) -> float:
        """Returns the width of a text in inches."""
        probe = self._text(0, 0, text, style)
        width = probe.get_window_extent(self._renderer).width / DPI
        probe.remove()
        return float(width)

    def shorten(self, text: str, width: float, style: Style, at: Literal["middle", "end"] = "middle") -> str:
        """Returns the text, with an ellipsis in its middle or at its end where it is too wide."""
        text = drawable(text)
        if self.width_of(text, style) <= width:
            return text

        def keep(characters: int) -> str:
            tail = characters // 2 if at == "middle" else 0
            return _cut(text, characters - tail, tail)

        longest = _most(len(text) - 1, lambda kept: self.width_of(keep(kept), style) <= width)
        return keep(longest)

    def wrap(self, text: str, width: float, style: Style, lines: int) -> list[str]:
        """Breaks a text between words, inside those that are too long, and ends it after so many lines."""
        rest, wrapped = drawable(text), list[str]()
        while rest and len(wrapped) < lines - 1:
            fits = self._prefix(rest, width, style)
            if fits == len(rest):
                break
            space = rest.rfind(" ", 0, fits + 1)
            end = space if space > 0 else fits
            wrapped.append(rest[:end].rstrip())
            rest = rest[end:].lstrip()
        return [*wrapped, self.shorten(rest, width, style, at="end")] if rest else wrapped

    def _prefix(self, text: str, width: float, style: Style) -> int:
        """Returns how many characters from the start are not too wide, one at least."""
        if self.width_of(text, style) <= width:
            return len(text)
        return max(1, _most(len(text), lambda kept: self.width_of(text[:kept], style) <= width))

    def text(self, x: float, y: float, text: str, style: Style = Style(10), **align: Unpack[Align]) -> Text:
        """Sets a text at a point; ``align`` takes ``ha``, ``va``, ``rotation`` and ``rotation_mode``."""
        return self._text(x, self._up(y), text, style, **align)

    def lines(self, x: float, y: float, lines: list[str], style: Style) -> float:
        """Sets lines one under the other from the top; returns the height they take."""
        for number, line in enumerate(lines):
            self.text(x, y + number * style.line, line, style, va="top")
        return len(lines) * style.line

    def heading(self, title: str, subtitle: str, notes: list[str], width: float) -> list[tuple[list[str], Style]]:
        """Breaks title, subtitle and notes to a width; each comes with its style, to be given to ``lines``."""
        looks = (_HEAD[0], _HEAD[1], *(_HEAD[2] for _ in notes))
        broken = []
        for text, (size, colour, bold, lines) in zip((title, subtitle, *notes), looks, strict=True):
            style = Style(size, colour, bold)
            broken.append((self.wrap(text, width, style, lines), style))
        return broken

    def rectangle(self, box: tuple[float, float, float, float], **look: Unpack[Look]) -> None:
        """Draws a rectangle (x, y, width, height); ``look`` takes what a matplotlib patch takes."""
        from matplotlib.patches import Rectangle

        x, y, width, height = box
        whole: Look = {"facecolor": "none", "edgecolor": "none", "linewidth": 1.0, "zorder": 1, **look}
        corner = (x, self._up(y + height))
        self.figure.add_artist(Rectangle(corner, width, height, transform=self.figure.dpi_scale_trans, **whole))

    def dot(self, x: float, y: float, radius: float, **look: Unpack[Look]) -> None:
        """Draws a circle about a point; ``look`` as for a rectangle."""
        from matplotlib.patches import Circle

        whole: Look = {"facecolor": "none", "edgecolor": "none", "linewidth": 1.0, "zorder": 1, **look}
        self.figure.add_artist(Circle((x, self._up(y)), radius, transform=self.figure.dpi_scale_trans, **whole))

    def image(self, x: float, y: float, pixels: NDArray[np.uint8]) -> None:
        """Puts (H, W, 3) pixels on the page one to one, their top left corner at a point."""
        from fairlead.report.pixels import Pixels

        top = round(self.figure.get_figheight() * DPI) - round(y * DPI)
        self.figure.add_artist(Pixels(pixels, round(x * DPI), top - len(pixels)))

    def _up(self, y: float) -> float:
        """Turns a distance from the top into matplotlib's from the bottom."""
        return float(self.figure.get_figheight()) - y

    def _text(self, x: float, y: float, text: str, style: Style, **align: Unpack[Align]) -> Text:
        shown = drawable(text)
        return self.figure.text(
            x,
            y,
            shown,
            fontsize=style.size,
            color=style.colour,
            fontfamily=families(shown),
            fontweight="bold" if style.bold and can_be_bold(shown) else "normal",
            fontstyle="normal",
            fontvariant="normal",
            fontstretch="normal",
            parse_math=False,
            usetex=False,
            transform=self.figure.dpi_scale_trans,
            **align,
        )


def png_of(figure: Figure) -> bytes:
    """Encodes a figure as PNG: the same bytes for the same figure, without time or software in it.

    Examples:
        >>> png_of(Page().figure) == png_of(Page().figure)
        True
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    encoded = BytesIO()
    FigureCanvasAgg(figure).print_png(encoded, metadata={"Software": None})
    return encoded.getvalue()


def snap(inches: float) -> float:
    """Returns the nearest place that lies on whole pixels.

    Examples:
        >>> snap(0.3333)
        0.3333333333333333
    """
    return round(inches * DPI) / DPI


def _most(upper: int, fits: Callable[[int], bool]) -> int:
    """Returns the largest number up to ``upper`` that fits, 0 if none does, by halving."""
    low = 0
    while low < upper:
        middle = (low + upper + 1) // 2
        low, upper = (middle, upper) if fits(middle) else (low, middle - 1)
    return low


def _cut(text: str, head: int, tail: int) -> str:
    """Joins both ends with an ellipsis; an accent is never parted from its letter into the tail."""
    end = text[len(text) - tail :] if tail else ""
    while end and unicodedata.combining(end[0]):
        end = end[1:]
    return text[:head].rstrip() + _ELLIPSIS + end.lstrip()
