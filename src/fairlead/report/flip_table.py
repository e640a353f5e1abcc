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
        >>> flip = Flip("he / she", 7, "invite", "decline", 0.9, 0.2, ("He writes.", "She writes."), "row 7")
        >>> "<mark>She</mark> writes." in flip_table([flip]), flip_table([])
        (True, '')
    """
    if not flips:
        return ""
    texts = any(flip.texts for flip in flips)
    head = [
        "Row",
        "Masked or swapped",
        "Answer before",
        "After",
        "Probability of the first",
        *(["Text before and after"] if texts else []),
    ]
    caption = "The rows that changed most, the worst first: what the class that was answered had, and has now."
    body = grid(caption, head, "".join(_flip(flip, texts=texts) for flip in flips))
    return f"<section><h2>Answers that changed</h2>{body}</section>"


def _flip(flip: Flip, *, texts: bool) -> str:
    answers = "".join(f'<td class="label"><bdi>{safe(label)}</bdi></td>' for label in (flip.before, flip.after))
    fell = f'<td class="rate">{percent(flip.probability_before)} to {percent(flip.probability_after)}</td>'
    shown = f'<td class="texts says">{_texts(flip)}</td>' if texts else ""
    return (
        f'<tr><th scope="row"><bdi>{safe(flip.name)}</bdi><br><span class="soft">row {flip.index}</span></th>'
        f"<td><bdi>{safe(flip.subject).replace('/', '/<wbr>')}</bdi></td>{answers}{fell}{shown}</tr>"
    )


def _texts(flip: Flip) -> str:
    if not flip.texts:
        return ""
    before, after = map(_parts, flip.texts)
    compared = [swapped_words(old, new) for old, new in zip(before, after, strict=False)]
    sides = zip(*compared, strict=True) if compared else ()
    return "".join(f'<p dir="auto">{" | ".join(map(_marked, side))}</p>' for side in sides)


def _marked(pieces: Sequence[Piece]) -> str:
    return "".join(f"<mark>{safe(text)}</mark>" if differs else safe(text) for text, differs in pieces)


def _parts(text: str | tuple[str, str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text
