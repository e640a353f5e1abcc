"""What is said of an explained row, under its picture or beside its text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from fairlead.errors import DataError
from fairlead.records import ExplainedRow
from fairlead.report.lettering import percent


def of_what(row: ExplainedRow) -> str:
    """Returns what its values speak for.

    Examples:
        >>> from fairlead.records import Attribution, AttributionCertificate
        >>> found = Attribution("yes", np.array([[1.0, 2.0]]), 0.5, 3.5, AttributionCertificate(0.0, 1.0, 0.0))
        >>> row = ExplainedRow(7, "row 7", found, "yes", "no", (), ("a", "word"), {"term": 0.25})
        >>> of_what(row), answer(row), row.attribution.worth, on_regions(row)
        ('for yes, by Owen values', 'wrong', '+0.50 masked, +3.50 whole (log-odds)', 'on term 25 %')
    """
    found = row.attribution
    against = f" against {found.contrast}" if found.contrast else ""
    return f"for {found.label}{against}, by {found.method}"


def answer(row: ExplainedRow) -> str:
    """Returns whether the answer is right."""
    return ("wrong" if row.wrong else "right") if row.target else "truth not known"


def on_regions(row: ExplainedRow) -> str:
    """Returns the share of the absolute values on each declared region; empty where the row has none."""
    shares = [f"{region} {percent(share)}" for region, share in row.mass.items()]
    return f"on {', '.join(shares)}" if shares else ""


def strongest(row: ExplainedRow, count: int = 5) -> tuple[list[int], list[int]]:
    """Returns the places, counted row by row, of the values most for and of those most against, the largest first.

    Examples:
        >>> from fairlead.records import Attribution, AttributionCertificate
        >>> found = Attribution("yes", np.array([[1.0, -2.0, 3.0]]), 0.0, 2.0, AttributionCertificate(0.0, 1.0, 0.0))
        >>> strongest(ExplainedRow(7, "row 7", found, "yes", "no", (), ("a", "b", "c"), {}))
        ([2, 0], [1])
    """
    values = row.attribution.values.ravel()
    up = np.argsort(-values, kind="stable")[:count]
    down = np.argsort(values, kind="stable")[:count]
    return [int(place) for place in up if values[place] > 0], [int(place) for place in down if values[place] < 0]


def words_of(row: ExplainedRow) -> tuple[str, ...]:
    """Returns the words of a text, none of a picture.

    Raises:
        DataError: words without a value, or values without a word.

    Examples:
        >>> from fairlead.records import Attribution, AttributionCertificate
        >>> found = Attribution("yes", np.array([[1.0, 2.0]]), 0.5, 3.5, AttributionCertificate(0.0, 1.0, 0.0))
        >>> words_of(ExplainedRow(7, "row 7", found, "yes", "no", (), ("a", "word"), {}))
        ('a', 'word')
    """
    if isinstance(row.item, np.ndarray):
        return ()
    if row.attribution.values.size != len(row.item):
        raise DataError(
            f"{row.name!r} has {len(row.item)} words and {row.attribution.values.size} values; give one a word"
        )
    return row.item


def breaks(row: ExplainedRow) -> list[str]:
    r"""Returns what stands before each word: a line break where a second text begins, a space, or nothing.

    Nothing stands between words that have nothing between them in the text, such as a word and its full stop, or two
    characters of Chinese.

    Examples:
        >>> from fairlead.records import Attribution, AttributionCertificate
        >>> found = Attribution("yes", np.array([[1.0, 2.0, 0.0]]), 0.5, 3.5, AttributionCertificate(0.0, 1.0, 0.0),
        ...     spans=((0, 0, 4), (0, 4, 5), (1, 0, 2)))
        >>> breaks(ExplainedRow(7, "row 7", found, "yes", "no", (), ("Well", ".", "No"), {}))
        ['', '', '\n']
    """
    words, spans = words_of(row), row.attribution.spans
    if len(spans) != len(words):
        return [" " if number else "" for number in range(len(words))]
    before = ["" for _ in words]
    for number in range(1, len(words)):
        (part, _, end), (here, start, _) = spans[number - 1], spans[number]
        before[number] = "\n" if part != here else " " if start > end else ""
    return before


def is_leftward(words: Sequence[str]) -> bool:
    """Returns whether a text runs from right to left, by its first letter that has a direction.

    Examples:
        >>> is_leftward(["3", "\u05e9"]), is_leftward(["a", "\u05e9"]), is_leftward([])
        (True, False, False)
    """
    for word in words:
        for character in word[:64]:
            way = unicodedata.bidirectional(character)
            if way in ("L", "R", "AL"):
                return way != "L"
    return False


def how_many(rows: Sequence[ExplainedRow]) -> str:
    """Returns how many of the explanations may be shown as such.

    Examples:
        >>> from fairlead.records import Attribution, AttributionCertificate
        >>> found = Attribution("yes", np.array([[1.0, 2.0]]), 0.5, 3.5, AttributionCertificate(0.0, 1.0, 0.0))
        >>> how_many([]), how_many([ExplainedRow(7, "row 7", found, "yes", "no", (), ("a", "word"), {})])
        ('No rows', '0 of 1 explanations are reliable')
    """
    if not rows:
        return "No rows"
    kept = sum(row.attribution.certificate.reliable for row in rows)
    return f"{kept} of {len(rows)} explanations {'is' if kept == 1 else 'are'} reliable"
