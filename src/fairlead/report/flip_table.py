"""The answers that an intervention changed, as a table of a web page."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.records import Flip
from fairlead.report.lettering import percent
from fairlead.report.swapped_words import Piece, swapped_words
from fairlead.report.web_page import grid, safe


def flip_table(flips: Sequence[Flip]) -> str:
    """Returns a section, with both texts and the swapped term marked where the rows are texts; empty without a flip.

    Examples:
        >>> flip = Flip(7, "row 7", "he / she", "invite", "decline", 0.9, 0.6, "He writes.", "She writes.")
        >>> "<mark>She</mark> writes." in flip_table([flip]), flip_table([])
        (True, '')
    """
    if not flips:
        return ""
    texts = any(flip.text is not None for flip in flips)
    head = ["Row", "Masked or swapped", "Answer before", "Answer after", *(["Text before and after"] if texts else [])]
    caption = "The rows that changed most, the worst first; each answer with its probability."
    body = grid(caption, head, "".join(_flip(flip, texts=texts) for flip in flips))
    return f"<section><h2>Answers that changed</h2>{body}</section>"


def _flip(flip: Flip, *, texts: bool) -> str:
    answers = (
        f"<td><bdi>{safe(label)}</bdi><br>{percent(probability)}</td>"
        for label, probability in ((flip.before, flip.before_probability), (flip.after, flip.after_probability))
    )
    shown = f'<td class="texts says">{_texts(flip)}</td>' if texts else ""
    return (
        f'<tr><th scope="row"><bdi>{safe(flip.name)}</bdi><br><span class="soft">row {flip.index}</span></th>'
        f"<td><bdi>{safe(flip.subject)}</bdi></td>{''.join(answers)}{shown}</tr>"
    )


def _texts(flip: Flip) -> str:
    before, after = (_parts(text) for text in (flip.text, flip.swapped))
    compared = [swapped_words(old, new) for old, new in zip(before, after, strict=False)]
    sides = zip(*compared, strict=True) if compared else ()
    return "".join(f'<p dir="auto">{" | ".join(map(_marked, side))}</p>' for side in sides)


def _marked(pieces: Sequence[Piece]) -> str:
    return "".join(f"<mark>{safe(text)}</mark>" if differs else safe(text) for text, differs in pieces)


def _parts(text: str | tuple[str, str] | None) -> tuple[str, ...]:
    return () if text is None else (text,) if isinstance(text, str) else text
