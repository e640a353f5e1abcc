"""What a model looks at, as one web page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fairlead.records import ExplainedRow, Flip, RunFolder
from fairlead.report.explained_pictures import caption
from fairlead.report.explained_words import breaks, how_many, strongest, words_of
from fairlead.report.flip_table import flip_table
from fairlead.report.thumbnail import thumbnail
from fairlead.report.tint import overlay, strengths
from fairlead.report.web_page import safe, web_page

_SIDE = 224  # pixels of a picture
_STYLE = """
:root{--most:.5}
@media (prefers-color-scheme:dark){:root{--most:.75}}
.rows{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,27rem),1fr));gap:1.8rem 1.5rem}
.row{border-top:1px solid var(--line);padding-top:.8rem}.row.text{grid-column:1/-1}
.row h3{font-size:1rem;margin:0 0 .4rem}.row p{margin:.15rem 0}.row p.soft{font-size:.9rem}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.5rem;margin:0 0 .5rem}
.pair img{width:100%;max-height:22rem;object-fit:contain;image-rendering:auto;background:var(--tint)}
.words{line-height:2.1;margin:.4rem 0;white-space:pre-wrap}
.words span{padding:.15em .1em;border-bottom:2px solid transparent}
.key{display:inline-block;padding:.1rem .5rem;margin-right:.6rem;border-bottom:2px solid transparent}
.for{background:rgb(178 24 43/calc(var(--a)*var(--most)))}
.against{background:rgb(33 102 172/calc(var(--a)*var(--most)))}
.much.for{border-bottom:2px solid currentColor}.much.against{border-bottom:2px dotted currentColor}
mark{background:rgb(230 159 0/.45);color:inherit;font-weight:600;padding:0 .15em}
td.texts{min-width:16rem}td.label{min-width:5rem;white-space:normal}td.texts p{margin:0 0 .35rem}
@media print{.row{break-inside:avoid}.words span,.key{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
_MUCH = 0.5  # of the full colour: from here on a word is underlined too, for those who see no colours


def write_explanations(
    rows: Sequence[ExplainedRow], path: Path, *, flips: Sequence[Flip] = (), title: str = "", note: str = ""
) -> None:
    """Writes one page of explained rows that needs no other file, runs no script and makes no request.

    Each picture lies beside its map, each word of a text on the colour of its value, with the value in its title; the
    words and cells that count most are named besides, for those who do not see colours. Rows whose certificate fails
    are listed with the reason. A table shows the answers that an intervention changed.

    Args:
        rows: Pictures, texts, or both.
        path: The file to write, whole or not at all.
        flips: What an intervention changed most, the worst first.
        title: What stands above them.
        note: A line under the title.

    Raises:
        DataError: pixels other than (3, H, W) of uint8, or words without a value.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "explanations.html"
        ...     write_explanations([], path, title="<b>")
        ...     "<b>" in path.read_text(encoding="utf-8")
        False
    """
    RunFolder.write_atomically(path, explanations_html(rows, flips=flips, title=title, note=note).encode("utf-8"))


def explanations_html(
    rows: Sequence[ExplainedRow], *, flips: Sequence[Flip] = (), title: str = "", note: str = ""
) -> str:
    """Returns the page of ``write_explanations``.

    Raises:
        DataError: pixels other than (3, H, W) of uint8, or words without a value.

    Examples:
        >>> explanations_html([]).count("<h1>")
        1
    """
    heading = safe(title or "What it looks at")
    reliable = [row for row in rows if row.attribution.certificate.reliable]
    shown = f'<div class="rows">{"".join(map(_row, reliable))}</div>' if reliable else ""
    told = f"<p>{how_many(rows)}. A map shows what an answer rests on, not whether it ought to.</p>" if rows else ""
    parts = [
        f"<p>{safe(note)}</p>" if note else "",
        f"<section><h2>What speaks for the class, and what against it</h2>{told}{_KEY if reliable else ''}{shown}"
        "</section>"
        if rows
        else "<p>No rows were explained.</p>",
        _doubtful([row for row in rows if not row.attribution.certificate.reliable]),
        flip_table(flips),
    ]
    return web_page(heading, f"<bdi>{heading}</bdi>", parts, _STYLE)


_KEY = (
    '<p><span class="key for much" style="--a:1">for the class</span>'
    '<span class="key against much" style="--a:1">against it</span>'
    '<span class="soft">Colours compare the parts of one row, not two rows.</span></p>'
)


def _row(row: ExplainedRow) -> str:
    words = words_of(row)
    name, *told = (safe(text) for text in caption(row))
    body = _text(row, words) if words or not isinstance(row.item, np.ndarray) else _pictures(row)
    kind = "text" if not isinstance(row.item, np.ndarray) else "picture"
    said = "".join(f'<p class="soft"><bdi>{text}</bdi></p>' for text in told[1:] if text)
    return (
        f'<article class="row {kind}"><h3><bdi>{name}</bdi></h3>{body}<p><bdi>{told[0]}</bdi></p>{said}'
        f'<p class="soft">{_counts(row, words)}</p></article>'
    )


def _pictures(row: ExplainedRow) -> str:
    shown = thumbnail(np.asarray(row.item).transpose(1, 2, 0), _SIDE, row.name)
    name = safe(row.name)
    rows, columns = row.attribution.values.shape
    return (
        f'<div class="pair"><img alt="{name}, as the model saw it" src="{_data(shown)}">'
        f'<img alt="Map of {name}, {rows} by {columns} cells; those that count most are named below" '
        f'src="{_data(overlay(shown, row.attribution.values))}"></div>'
    )


def _text(row: ExplainedRow, words: Sequence[str]) -> str:
    values = row.attribution.values.ravel()
    told = []
    for word, before, value, strength in zip(words, breaks(row), values, strengths(values), strict=True):
        side = "for" if value > 0 else "against"
        much = " much" if strength >= _MUCH else ""
        told.append(
            f'{before}<span class="{side}{much}" style="--a:{strength:.2f}" title="{value:+.3g}">{safe(word)}</span>'
        )
    return f'<p class="words" dir="auto">{"".join(told)}</p>'


def _counts(row: ExplainedRow, words: Sequence[str]) -> str:
    """Names the parts that count most, so that nothing is told by colour alone."""
    values, columns = row.attribution.values.ravel(), row.attribution.values.shape[1]

    def named(place: int) -> str:
        part = (
            f"<bdi>{safe(words[place])}</bdi>" if words else f"row {place // columns + 1}, column {place % columns + 1}"
        )
        return f"{part} ({values[place]:+.2g})"

    up, down = strongest(row, 5 if words else 3)
    told = [
        f"Most {side}: {'; '.join(map(named, places))}." for side, places in (("for", up), ("against", down)) if places
    ]
    return " ".join(told) or "Nothing in it counts."


def _doubtful(rows: Iterable[ExplainedRow]) -> str:
    items = "".join(f"<li><bdi>{safe(row.name)}</bdi>: {safe(row.attribution.certificate.reason)}</li>" for row in rows)
    return f"<section><h2>Not reliable, and so not drawn</h2><ul>{items}</ul></section>" if items else ""


def _data(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
